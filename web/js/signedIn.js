/**
 * The panel that says who is logged in, on the pages that show it: with `#signed-in` in sight `#signed-out` is hidden, and the
 * other way round. Both start hidden, so that nothing jumps. The panel hears an event `end` when it goes.
 */
import { session, signOut } from '../latchkey.js';

const panel = document.getElementById('signed-in');
const otherwise = document.getElementById('signed-out');

/** Shows what holds now. */
export function render() {
  const user = session();
  const ends = !panel.hidden && !user;
  panel.hidden = !user;
  otherwise.hidden = Boolean(user);
  if (ends) panel.dispatchEvent(new Event('end'));
  if (!user) return;
  document.getElementById('signed-in-email').textContent = user.email;
  document.getElementById('identity-id').textContent = user.identityId;
  const expires = document.getElementById('expires');
  expires.dateTime = user.expiration.toISOString();
  expires.textContent = user.expiration.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
  // Credentials run out by themselves; the page must not go on saying otherwise.
  clearTimeout(render.timer);
  render.timer = setTimeout(render, Math.max(1000, user.expiration - Date.now() - 59_000));
}

document.getElementById('sign-out').addEventListener('click', () => {
  signOut();
  render();
  otherwise.querySelector('a, input').focus();
});
// A page that comes back from the browser's history shows an old picture.
addEventListener('pageshow', render);
render();
