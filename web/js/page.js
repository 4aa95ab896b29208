/**
 * Runs first on every page: refuses to run inside a frame, and shows the name of the service.
 */
import settings from '../config.js';

// A page that frames this one could trick people into clicking our buttons. A Content-Security-Policy in a meta tag cannot
// forbid framing: frame-ancestors works only as a header, which S3 does not send. So the page hides itself and throws. That also
// keeps every module that imports this one from running, and without them no button does anything.
if (window.top !== window.self) {
  document.documentElement.hidden = true;
  throw new Error('This page does not run inside a frame.');
}

// The header has a fixed height and the name stands last in it, so nothing moves when the name appears.
document.getElementById('service-name').textContent = settings.serviceName;
document.title = `${document.title} · ${settings.serviceName}`;

/** Keeps values for this tab. Some browsers deny storage to some pages, which then work without it. */
export const tab = {
  get(key) {
    try {
      return sessionStorage.getItem(`latchkey:${key}`);
    } catch {
      return null;
    }
  },
  set(key, value) {
    try {
      if (value === null) sessionStorage.removeItem(`latchkey:${key}`);
      else sessionStorage.setItem(`latchkey:${key}`, value);
    } catch {
      // Only a convenience is lost.
    }
  },
};
