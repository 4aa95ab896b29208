/**
 * Mail scanners open links, so opening the page must not spend the token. The click does.
 *
 * The page asks for the password that was chosen at sign-up. A link proves the mailbox only: a stranger may have signed up with
 * the same address since, and the newest sign-up counts. With the right password it logs in at once.
 */
import { login, verify } from '../latchkey.js';
import { forgetLink, form, run, takeLink, unusable } from './form.js';

// A login that is refused or fails leaves the address verified, and the page offers to log in.
async function logIn(email, password) {
  try {
    return (await login({ email, password })).login === true;
  } catch {
    return false;
  }
}

const link = takeLink('verify');
if (link) {
  document.getElementById('address').textContent = link.email;
  form.elements.email.value = link.email;
  let loggedIn = false;
  run({
    send: async ({ password }) => {
      const answer = await verify({ ...link, password });
      if (answer.verified === true) loggedIn = await logIn(link.email, password);
      return answer;
    },
    flag: 'verified',
    concerns: { invalid_credentials: ['password'] },
    finish: () => {
      forgetLink('verify');
      document.getElementById(loggedIn ? 'logged-in' : 'log-in').hidden = false;
    },
    refuse: ({ reason }) => { if (reason === 'invalid_token') forgetLink('verify'); },
  });
} else {
  unusable('To verify your address, open the link in the email that we sent you.', 'no_link');
}
