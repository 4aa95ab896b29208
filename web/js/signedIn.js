/**
 * The panel that shows who is logged in. Either `#signed-in` or `#signed-out` is visible; both start hidden, so that nothing
 * jumps. The panel gets an `end` event when the session ends.
 */
import { session, signOut } from '../latchkey.js';

const panel = document.getElementById('signed-in');
const otherwise = document.getElementById('signed-out');

/** Shows the current session, or that there is none. */
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
  // The page must not claim a session whose credentials have expired.
  clearTimeout(render.timer);
  render.timer = setTimeout(render, Math.max(1000, user.expiration - Date.now() - 59_000));
}

document.getElementById('sign-out').addEventListener('click', () => {
  signOut();
  render();
  otherwise.querySelector('a, input').focus();
});
// A page restored from the browser's history shows an outdated state.
addEventListener('pageshow', render);
render();
