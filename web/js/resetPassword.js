/** As with verify: the link is spent by the click, and only once the new password has passed the rules. */
import { resetPassword } from '../latchkey.js';
import { forgetLink, form, run, takeLink, unusable } from './form.js';

const link = takeLink('lost');
if (link) {
  document.getElementById('address').textContent = link.email;
  form.elements.email.value = link.email;
  run({
    send: ({ password }) => resetPassword({ ...link, password }),
    flag: 'changed',
    finish: () => forgetLink('lost'),
    refuse: ({ reason }) => { if (reason === 'invalid_token') forgetLink('lost'); },
  });
} else {
  unusable('Open this page with the link from the mail: it says whose password to change.', 'no_link');
}
