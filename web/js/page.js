/**
 * What every page does before anything else: refuse to run inside another page, and say whose service this is.
 */
import settings from '../config.js';

// A page that frames this one could lay its own picture over our buttons. A Content-Security-Policy in a meta tag cannot
// forbid frames (frame-ancestors works only as a header, which S3 does not send), so the page hides itself and stops: this
// throw also keeps every module that imports this one from running, and without them no button does anything.
if (window.top !== window.self) {
  document.documentElement.hidden = true;
  throw new Error('This page does not run inside a frame.');
}

// The header's line has a fixed height and nothing beside it, so the name moves nothing when it appears.
document.getElementById('service-name').textContent = settings.serviceName;
document.title = `${document.title} · ${settings.serviceName}`;

/** Keeps a value for this tab. Some browsers refuse that to some pages: then the page does without. */
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
