/**
 * Latchkey in a page: the six operations, and the AWS credentials that a login yields.
 *
 *   import { login, credentials } from './latchkey.js';
 *   const answer = await login({ email, password });
 *   if (answer.login) use(credentials()); else show(answer.info);
 *
 * An operation resolves to the answer of its function: a flag (`created`, `verified`, `login`, `sent`, `changed`) and, if the flag is
 * false, `reason` (a stable word), `info` (a sentence to show) and perhaps `retryAfter` (seconds). If there is no answer, it
 * throws a `Fault`, whose message can be shown as it is.
 *
 * A login, a change and a reset of a password also leave a device token in this browser, and later ones send it: so strangers
 * who guess at an account cannot make its owner wait here. It is no credential: nobody gets in without the password.
 *
 * To use it in your own pages copy latchkey.js, config.js and vendor/ together, and let your Content-Security-Policy
 * connect to the two AWS endpoints.
 */
import settings from './config.js';
import { AwsClient } from './vendor/aws4fetch.js';

// Credentials this close to expiry count as expired, because they must still be valid when the call arrives.
const MARGIN_MS = 60_000;
// Without a timeout, a connection that hangs would leave the page busy forever. No function runs this long.
const TIMEOUT_MS = 30_000;
// AWS rejects signatures that are more than five minutes off. A difference below a minute needs no correction.
const SKEW_MS = 60_000;

const SENTENCES = {
  unreachable: 'The service could not be reached. Check your connection and try again; what you typed is still here.',
  denied: 'The service refused this page’s request. Reload the page and try again; if it happens again, tell the owner of this site.',
  busy: 'The service is busy right now. Wait a moment and try again; what you typed is still here.',
  failed: 'The service could not complete this request. Try again in a minute; what you typed is still here.',
};

/** A failure that is not a refusal. `kind`: unreachable, denied, busy or failed. `message`: a sentence to show. */
export class Fault extends Error {
  constructor(kind, { errorType, cause } = {}) {
    super(SENTENCES[kind], { cause });
    this.name = 'Fault';
    this.kind = kind;
    this.errorType = errorType;
  }
}

/**
 * Creates a client with its own settings. Most pages use the exports below, which belong to a client made from config.js.
 * `fetch`, `storage`, `deviceStorage` and `now` are for tests and for pages that keep credentials or device tokens elsewhere.
 */
export function createClient({
  config = settings,
  fetch = (...call) => globalThis.fetch(...call),
  storage = storageOf('sessionStorage'),
  deviceStorage = storageOf('localStorage'),
  now = Date.now,
} = {}) {
  const { region, identityPoolId, functionPrefix, endpoint } = config;
  const at = (service) => (endpoint ?? `https://${service}.${region}.amazonaws.com`).replace(/\/+$/, '');
  // The keys contain the pool, so that a page that moves to another pool does not send it the old pool's credentials.
  const GUEST = `latchkey:${identityPoolId}:guest`;
  const USER = `latchkey:${identityPoolId}:user`;
  const PLAIN = `latchkey:${identityPoolId}:no-devices`;
  let guestUnderWay = null;
  let doubted = null;

  async function send(request, init) {
    try {
      return await fetch(request, { ...init, signal: AbortSignal.timeout(TIMEOUT_MS) });
    } catch (cause) {
      throw new Fault('unreachable', { cause });
    }
  }

  // Unsigned, because a page uses these two calls to get its first credentials.
  async function cognito(action, input) {
    const response = await send(`${at('cognito-identity')}/`, {
      method: 'POST',
      headers: {
        'Content-Type': 'application/x-amz-json-1.1',
        'X-Amz-Target': `AWSCognitoIdentityService.${action}`,
      },
      body: JSON.stringify(input),
    });
    const answer = await objectOf(response);
    if (response.ok && answer) return { answer, skew: skewOf(response) };
    const errorType = String(answer?.__type ?? '').split('#').pop();
    if (errorType === 'TooManyRequestsException' || response.status === 429) throw new Fault('busy', { errorType });
    throw new Fault(response.status < 500 && !response.ok ? 'denied' : 'failed', { errorType });
  }

  // The signature contains the time, so AWS would reject a device whose clock is wrong. Use AWS's time if the response shows it.
  function skewOf(response) {
    const skew = Date.parse(response.headers.get('Date')) - now();
    return Math.abs(skew) > SKEW_MS ? skew : 0;
  }

  async function exchange(identityId, logins) {
    const { answer, skew } = await cognito('GetCredentialsForIdentity', { IdentityId: identityId, Logins: logins });
    const { AccessKeyId, SecretKey, SessionToken, Expiration } = answer.Credentials ?? {};
    if (!AccessKeyId || !SecretKey) throw new Fault('failed');
    return {
      accessKeyId: AccessKeyId,
      secretAccessKey: SecretKey,
      sessionToken: SessionToken,
      // In this device's time, because it is compared with this device's clock.
      expiration: Expiration * 1000 - skew,
      identityId,
      skew,
    };
  }

  function kept(key) {
    try {
      const found = JSON.parse(storage.getItem(key));
      return found?.expiration > now() + MARGIN_MS ? found : null;
    } catch {
      return null;
    }
  }

  async function newGuest() {
    const { answer } = await cognito('GetId', { IdentityPoolId: identityPoolId });
    const guest = await exchange(answer.IdentityId);
    storage.setItem(GUEST, JSON.stringify(guest));
    return guest;
  }

  async function guestCredentials() {
    // Concurrent callers share one request. Otherwise each would create an identity in the pool.
    return kept(GUEST) ?? (guestUnderWay ??= newGuest().finally(() => { guestUnderWay = null; }));
  }

  async function invoke(operation, input, credentials) {
    // aws4fetch's `retries` are not used: login attempts are throttled, so only the user may repeat one.
    const signer = new AwsClient({ ...credentials, service: 'lambda', region });
    const url = `${at('lambda')}/2015-03-31/functions/${functionPrefix}${operation}/invocations?Qualifier=live`;
    const time = new Date(now() + credentials.skew);
    const response = await send(await signer.sign(url, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(input),
      aws: { datetime: time.toISOString().replace(/[:-]|\.\d{3}/g, '') },
    }));
    const answer = await objectOf(response);
    const errorType = answer?.errorType ?? response.headers.get('X-Amzn-ErrorType')?.split(':')[0];
    if (response.status === 429) throw new Fault('busy', { errorType });
    if (response.status === 401 || response.status === 403) throw new Fault('denied', { errorType });
    // A function that fails responds with 200 and this header. Its body has an errorType even where pages cannot read the header.
    if (!response.ok || !answer || response.headers.has('X-Amz-Function-Error') || answer.errorType) {
      throw new Fault('failed', { errorType });
    }
    return answer;
  }

  async function asGuest(operation, input) {
    const cached = kept(GUEST);
    try {
      return await invoke(operation, input, cached ?? await guestCredentials());
    } catch (fault) {
      if (!cached) throw fault;
      // Stored credentials may have been revoked, or the service set up anew. After a 403 nothing has run, so retry with fresh ones.
      // An unreachable service may have run the call, so the user decides whether to retry. (The emulator's 403 looks unreachable.)
      if (fault.kind === 'denied' || fault.kind === 'unreachable') storage.removeItem(GUEST);
      if (fault.kind !== 'denied') throw fault;
      return invoke(operation, input, await guestCredentials());
    }
  }

  // Sends the device token of this address along, keeps the one that comes back, and returns the rest of the answer.
  async function withDevice(email, call) {
    if (storage.getItem(PLAIN)) return call({});
    const key = await deviceKey(email);
    const { device, ...answer } = await call({ device: deviceStorage.getItem(key) ?? '' });
    if (answer.reason === 'invalid_request') {
      // Perhaps a service that does not know the field. It has done nothing, so the call is repeated without it.
      const plain = await call({});
      if (plain.reason !== 'invalid_request') storage.setItem(PLAIN, 'true');
      return plain;
    }
    try {
      if (typeof device === 'string' && device) deviceStorage.setItem(key, device);
    } catch {
      // Full or denied: the device stays unknown, and the answer is as good.
    }
    return answer;
  }

  // A hash, so that a shared browser does not list the addresses that were used in it.
  async function deviceKey(email) {
    const hash = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(canonical(email)));
    const hex = [...new Uint8Array(hash)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
    return `latchkey:${identityPoolId}:device:${hex}`;
  }

  /** Returns the user who is logged in in this tab, `{ email, identityId, expiration }`, or null. */
  function session() {
    const user = kept(USER);
    return user && { email: user.email, identityId: user.identityId, expiration: new Date(user.expiration) };
  }

  /** Returns the logged-in user's AWS credentials in the form that the AWS SDK for JavaScript takes, or null. */
  function credentials() {
    const user = kept(USER);
    if (!user) return null;
    const { accessKeyId, secretAccessKey, sessionToken, identityId, expiration } = user;
    return { accessKeyId, secretAccessKey, sessionToken, identityId, expiration: new Date(expiration) };
  }

  function signOut() {
    storage.removeItem(USER);
  }

  async function signIn(email, password) {
    const answer = await withDevice(email, (device) => asGuest('Login', { email, password, ...device }));
    if (!answer.login) return { answer };
    const found = await exchange(answer.identityId, { 'cognito-identity.amazonaws.com': answer.token });
    const user = { ...found, email: canonical(email) };
    storage.setItem(USER, JSON.stringify(user));
    return { answer, user };
  }

  /**
   * Changes the password of the logged-in user. If `email` is not logged in here, it logs in with the old password first:
   * the function needs that password anyway, so a separate login form would only be in the way.
   * A refused login is returned as `{ changed: false, reason, info }`.
   */
  async function changePassword({ email, oldPassword, newPassword }) {
    const user = kept(USER);
    const input = { email: email ? canonical(email) : user?.email, oldPassword, newPassword };
    const change = (caller) => withDevice(input.email ?? '', (device) => invoke('ChangePassword', { ...input, ...device }, caller));
    if (user?.email === input.email && user?.accessKeyId !== doubted) {
      try {
        return await change(user);
      } catch (fault) {
        // As for guests: an unreachable service may be a refusal in disguise, so the next attempt logs in again.
        if (fault.kind === 'unreachable') doubted = user.accessKeyId;
        if (fault.kind !== 'denied') throw fault;
      }
    }
    const { answer: { login: _, ...refusal }, user: fresh } = await signIn(input.email, oldPassword);
    return fresh ? change(fresh) : { changed: false, ...refusal };
  }

  return {
    signUp: ({ email, password, name }) => asGuest('CreateUser', name ? { email, password, name } : { email, password }),
    verify: ({ email, verify, password }) => asGuest('VerifyUser', password ? { email, verify, password } : { email, verify }),
    login: async ({ email, password }) => (await signIn(email, password)).answer,
    lostPassword: ({ email }) => asGuest('LostPassword', { email }),
    resetPassword: ({ email, lost, password }) => withDevice(
      email,
      (device) => asGuest('ResetPassword', { email, lost, password, ...device }),
    ),
    changePassword,
    session,
    credentials,
    signOut,
    guestCredentials,
  };
}

// As the functions do it: case and surrounding spaces do not make another account.
function canonical(email) {
  return email.trim().toLowerCase();
}

async function objectOf(response) {
  const value = await response.json().catch(() => null);
  return value !== null && typeof value === 'object' && !Array.isArray(value) ? value : null;
}

// A browser that blocks site data throws on any access to its storage. What is kept then lasts as long as the page.
function storageOf(kind) {
  try {
    return globalThis[kind] ?? memory();
  } catch {
    return memory();
  }
}

function memory() {
  const items = new Map();
  return {
    getItem: (key) => items.get(key) ?? null,
    setItem: (key, value) => { items.set(key, value); },
    removeItem: (key) => { items.delete(key); },
  };
}

export const {
  /** `{ email, password, name? }` → `{ created }` */
  signUp,
  /**
   * `{ email, verify, password? }`, the first two from the mailed link → `{ verified }`. Ask for the password: a link alone proves
   * the mailbox, and not that it was its owner who signed up.
   */
  verify,
  /** `{ email, password }` → `{ login, identityId, token }`; the tab then holds the credentials. */
  login,
  /** `{ email }` → `{ sent }` */
  lostPassword,
  /** `{ email, lost, password }`, the first two from the mailed link → `{ changed }` */
  resetPassword,
  /** `{ email?, oldPassword, newPassword }` → `{ changed }`; logs in first if needed. */
  changePassword,
  session,
  credentials,
  /** Discards the credentials in this tab. AWS cannot revoke them early; they expire on their own. */
  signOut,
  /** Anonymous credentials, kept for the tab. Operations fetch them when needed; calling this early saves the user the wait. */
  guestCredentials,
} = createClient();
