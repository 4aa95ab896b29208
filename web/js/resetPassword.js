/** As in verify.js, only the click spends the token, and only if the new password passes the policy. */
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
  unusable('To choose a new password, open the link in the email that we sent you.', 'no_link');
}
