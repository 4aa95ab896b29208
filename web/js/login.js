import { login } from '../latchkey.js';
import { again, run } from './form.js';
import { render } from './signedIn.js';

const panel = document.getElementById('signed-in');

run({
  send: login,
  flag: 'login',
  finish: () => {
    render(); // Hides #signed-out with the form in it, so the focus moves to the panel that replaces it.
    panel.focus();
  },
});
panel.addEventListener('end', again);
