/** Opening the page spends nothing, because mail scanners open links; the click does. */
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
  unusable('Open this page with the link from the mail: it says which address to verify.', 'no_link');
}
