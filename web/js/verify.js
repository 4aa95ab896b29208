/** Mail scanners open links, so opening the page must not spend the token. The click does. */
import { verify } from '../latchkey.js';
import { forgetLink, run, takeLink, unusable } from './form.js';

const link = takeLink('verify');
if (link) {
  document.getElementById('address').textContent = link.email;
  run({
    send: () => verify(link),
    flag: 'verified',
    finish: () => forgetLink('verify'),
    refuse: ({ reason }) => { if (reason === 'invalid_token') forgetLink('verify'); },
  });
} else {
  unusable('To verify your address, open the link in the email that we sent you.', 'no_link');
}
