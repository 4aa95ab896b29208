/**
 * The behaviour of every form: checks, a busy state, errors beside their fields, faults in one sentence, and no input lost.
 *
 * The state is in #result (data-state: idle, busy, done, refused, fault; data-reason: the refusal's reason or the fault's kind).
 * A field needs an id, an element `#<id>-error` for its errors, and the contract's name of the input as its name.
 *
 * Email fields are not type=email. Some browsers convert non-ASCII domains in such fields and others do not, so one address
 * would become two accounts.
 *
 * No page asks for a password twice: a second field invites copying from the first, and the Show button lets a person check
 * what was typed, as NIST SP 800-63B advises.
 */
import settings from '../config.js';
import { Fault, guestCredentials, session } from '../latchkey.js';
import { tab } from './page.js';

export const form = document.getElementById('form');
const button = document.getElementById('submit');
const result = document.getElementById('result');
const message = document.getElementById('message');
const done = document.getElementById('done');
const inputs = [...form.querySelectorAll('input')];

// Refusal reasons that concern one field, with the contract's names for that field.
const FIELDS = {
  invalid_email: ['email'],
  invalid_name: ['name'],
  password_too_short: ['newPassword', 'password'],
  password_too_long: ['newPassword', 'password'],
  password_too_common: ['newPassword', 'password'],
  invalid_credentials: ['oldPassword'],
};

/**
 * Connects the form to an operation.
 * `send(values)` calls it with the values by input name. `flag` names the field of the answer that is true on success.
 * `finish(answer, values)` runs before the success is shown, `refuse(answer)` before a refusal is. `concerns` names the field that
 * a refusal's reason concerns on this page only.
 */
export function run({ send, flag, finish = () => {}, refuse = () => {}, concerns = {} }) {
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    if (button.disabled || !complete()) return;
    const values = Object.fromEntries(inputs.map((input) => [input.name, input.value]));
    hidePasswords();
    busy(true);
    show('busy');
    try {
      const answer = await send(values);
      if (answer[flag] === true) succeed(answer, values, finish);
      else {
        refuse(answer);
        reportRefusal(answer, { ...FIELDS, ...concerns });
      }
    } catch (error) {
      if (!(error instanceof Fault)) console.error(error);
      const fault = error instanceof Fault ? error : new Fault('failed', { cause: error });
      show('fault', fault.message, fault.kind);
    } finally {
      busy(false);
    }
    attend();
  });
  button.disabled = false;
}

/** Replaces the form with a sentence, on a page that was opened without its link. */
export function unusable(text, reason) {
  form.hidden = true;
  show('refused', text, reason);
}

/** Shows the form again, with what was typed except for passwords. */
export function again() {
  done.hidden = true;
  form.hidden = false;
  show('idle');
  inputs[0].focus();
}

/**
 * Returns the email address and the token of the mailed link, or null. They leave the address bar at once, so that they end up
 * in no history, bookmark or screenshot. The tab keeps them, readable by these pages only, so that a reload works without
 * another email. `forgetLink` discards them when the token is spent.
 */
export function takeLink(name) {
  const query = new URLSearchParams(location.search);
  if (query.has(name)) {
    tab.set(`link:${name}`, JSON.stringify({ email: query.get('email') ?? '', [name]: query.get(name) }));
  }
  const kept = query.has(name) ? Object.fromEntries(query) : JSON.parse(tab.get(`link:${name}`));
  if (location.search) history.replaceState(null, '', location.pathname);
  return kept?.email && kept[name] ? { email: kept.email, [name]: kept[name] } : null;
}

export function forgetLink(name) {
  tab.set(`link:${name}`, null);
}

function succeed(answer, values, finish) {
  form.hidden = true;
  for (const input of inputs) if (isPassword(input)) input.value = '';
  finish(answer, values);
  for (const place of done.querySelectorAll('[data-email]')) place.textContent = values.email;
  done.hidden = false;
  show('done');
}

function reportRefusal({ reason = 'refused', info, retryAfter }, fields) {
  const wait = retryAfter > 0 ? `You can try again in ${duration(retryAfter)}.` : '';
  const text = [info || 'The service did not accept this.', wait].filter(Boolean).join(' ');
  const input = (fields[reason] ?? []).map((name) => form.elements[name]).find((found) => found && !found.readOnly);
  if (input) {
    show('refused', '', reason);
    complain(input, text);
  } else {
    show('refused', text, reason);
  }
}

function show(state, text = '', reason = '') {
  result.dataset.state = state;
  result.dataset.reason = reason;
  message.textContent = text;
  for (const advice of result.querySelectorAll('[data-when]')) advice.hidden = advice.dataset.when !== reason;
}

// Moves the focus to what needs attention, so that keyboard users can go on from there.
function attend() {
  if (result.dataset.state === 'done') return result.focus();
  const invalid = inputs.find((input) => input.getAttribute('aria-invalid'));
  // The service does not say which of the two was wrong. People mistype passwords more often than addresses.
  const guess = result.dataset.reason === 'invalid_credentials' ? inputs.find(isPassword) : null;
  (invalid ?? guess ?? button).focus();
}

function busy(yes) {
  button.disabled = yes;
  button.setAttribute('aria-busy', yes);
  button.dataset.idle ??= button.textContent;
  button.textContent = yes ? button.dataset.busy : button.dataset.idle;
}

/** Reports what can be checked here. The function has all the rules and decides. */
function complete() {
  for (const input of inputs) settle(input);
  let first = null;
  for (const input of inputs) {
    const complaint = complaintAbout(input);
    if (!complaint) continue;
    complain(input, complaint.text);
    first ??= { input, ...complaint };
  }
  if (first) {
    show('refused', '', first.reason);
    first.input.focus();
  }
  return !first;
}

function complaintAbout(input) {
  const value = input.value;
  if (input.required && !(isPassword(input) ? value : value.trim())) {
    return { reason: 'invalid_request', text: input.dataset.missing };
  }
  if (input.name === 'email' && !/^\S+@\S+$/.test(value.trim())) {
    return { reason: 'invalid_email', text: 'Enter a complete address, like name@example.com.' };
  }
  // Counted as the function counts: characters after NFC normalization.
  if (input.autocomplete === 'new-password' && [...value.normalize('NFC')].length < settings.passwordMinLength) {
    return { reason: 'password_too_short', text: `Use at least ${settings.passwordMinLength} characters.` };
  }
  return null;
}

function complain(input, text) {
  document.getElementById(`${input.id}-error`).textContent = text;
  input.setAttribute('aria-invalid', 'true');
}

function settle(input) {
  input.removeAttribute('aria-invalid');
  const place = document.getElementById(`${input.id}-error`);
  if (place) place.textContent = '';
}

function isPassword(input) {
  return input.autocomplete.endsWith('-password');
}

function toggles() {
  return [...form.querySelectorAll('button[aria-controls]')];
}

function reveal(toggle, yes) {
  const input = document.getElementById(toggle.getAttribute('aria-controls'));
  input.type = yes ? 'text' : 'password';
  toggle.textContent = yes ? 'Hide' : 'Show';
  toggle.setAttribute('aria-label', `${toggle.textContent} ${input.labels[0].textContent.toLowerCase()}`);
}

// A password submitted while it is visible would end up in the browser's form history.
function hidePasswords() {
  for (const toggle of toggles()) reveal(toggle, false);
}

function duration(seconds) {
  const whole = Math.ceil(seconds);
  const part = (count, unit) => (count ? `${count} ${unit}${count === 1 ? '' : 's'}` : '');
  return [part(Math.floor(whole / 60), 'minute'), part(whole % 60, 'second')].filter(Boolean).join(' ');
}

for (const toggle of toggles()) {
  reveal(toggle, false);
  toggle.addEventListener('click', () => reveal(toggle, toggle.textContent === 'Show'));
}
for (const input of inputs) input.addEventListener('input', () => settle(input));
for (const place of form.querySelectorAll('[data-min]')) place.textContent = settings.passwordMinLength;
for (const advice of form.querySelectorAll('[data-below]')) advice.hidden = settings.passwordMinLength >= advice.dataset.below;

// Keeps the address between pages, for example from login to "Forgot your password?". Passwords are never kept.
const email = form.elements.email;
if (email && !email.readOnly) {
  email.value ||= tab.get('email') ?? '';
  email.addEventListener('input', () => tab.set('email', email.value));
}

// Fetches the credentials for the call while the user is still typing. Faults are ignored here: the call itself will report them.
form.addEventListener('focusin', () => session() ?? guestCredentials().catch(() => {}), { once: true });
