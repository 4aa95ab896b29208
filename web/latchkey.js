/**
 * Latchkey in a page: the six operations, and the AWS credentials that a login yields.
 *
 *   import { login, credentials } from './latchkey.js';
 *   const answer = await login({ email, password });
 *   if (answer.login) use(credentials()); else show(answer.info);
 *
 * An operation answers with what its function answered: a flag (`created`, `verified`, `login`, `sent`, `changed`) and, when
 * that is false, `reason` (a stable word), `info` (a sentence for a person) and perhaps `retryAfter` (seconds).
 * What is no answer is thrown as a `Fault`, whose message can be shown as it is.
 *
 * To use it in your own pages copy latchkey.js, config.js and vendor/ together, and let your Content-Security-Policy
 * connect to the two AWS endpoints.
 */
import settings from './config.js';
import { AwsClient } from './vendor/aws4fetch.js';

// Credentials this close to their end count as gone: a call that starts now must still be signed validly when it arrives.
const MARGIN_MS = 60_000;
// Without a limit a connection that hangs would leave the page busy for ever. No function runs this long.
const TIMEOUT_MS = 30_000;
// AWS refuses signatures that are five minutes off; below a minute there is nothing to mend.
const SKEW_MS = 60_000;

const SENTENCES = {
  unreachable: 'The service could not be reached. Check your connection and try again; what you typed is still here.',
  denied: 'The service refused this page’s request. Reload the page and try again; if it stays so, tell the owner of this site.',
  busy: 'The service is busy right now. Wait a moment and try again; what you typed is still here.',
  failed: 'The service could not finish this. Try again in a minute; what you typed is still here.',
};

/** Something failed that is not the caller's doing. `kind`: unreachable, denied, busy or failed. `message`: a sentence to show. */
export class Fault extends Error {
  constructor(kind, { errorType, cause } = {}) {
    super(SENTENCES[kind], { cause });
    this.name = 'Fault';
    this.kind = kind;
    this.errorType = errorType;
  }
}

/**
 * A client with its own settings. The exports below belong to one made from config.js, which is what a page wants;
 * `fetch`, `storage` and `now` are there for tests and for pages that keep credentials elsewhere.
 */
export function createClient({
  config = settings,
  fetch = (...call) => globalThis.fetch(...call),
  storage = tabStorage(),
  now = Date.now,
} = {}) {
  const { region, identityPoolId, functionPrefix, endpoint } = config;
  const at = (service) => (endpoint ?? `https://${service}.${region}.amazonaws.com`).replace(/\/+$/, '');
  // The pool is in the key: a page that now belongs to another pool must not offer it the old one's credentials.
  const GUEST = `latchkey:${identityPoolId}:guest`;
  const USER = `latchkey:${identityPoolId}:user`;
  let guestUnderWay = null;
  let doubted = null;

  async function send(request, init) {
    try {
      return await fetch(request, { ...init, signal: AbortSignal.timeout(TIMEOUT_MS) });
    } catch (cause) {
      throw new Fault('unreachable', { cause });
    }
  }

  // Unsigned: these two calls are how a page without credentials gets some.
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

  // The signature holds the time, so a device whose clock is wrong would be refused: take AWS's time where the answer shows it.
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
      // By this device's clock, which is the one it will be compared with.
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
    // Two callers at once share one request, or each would leave an identity in the pool.
    return kept(GUEST) ?? (guestUnderWay ??= newGuest().finally(() => { guestUnderWay = null; }));
  }

  async function invoke(operation, input, credentials) {
    // `retries` of aws4fetch are not used: an attempt to log in counts, so only the person may repeat one.
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
    // A function that failed answers 200 with this header; its body has an errorType even where the header is not exposed to pages.
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
      // What was kept may have been revoked or belong to a service that was set up anew. A 403 says that nothing ran, so ask again with
      // fresh ones; of an unreachable service that is unknown (the emulator's 403 looks so to a page): leave the next try to the person.
      if (fault.kind === 'denied' || fault.kind === 'unreachable') storage.removeItem(GUEST);
      if (fault.kind !== 'denied') throw fault;
      return invoke(operation, input, await guestCredentials());
    }
  }

  /** Who is logged in in this tab: `{ email, identityId, expiration }`, or null. */
  function session() {
    const user = kept(USER);
    return user && { email: user.email, identityId: user.identityId, expiration: new Date(user.expiration) };
  }

  /** The logged-in person's AWS credentials, in the form the AWS SDK for JavaScript takes, or null. */
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
    const answer = await asGuest('Login', { email, password });
    if (!answer.login) return { answer };
    const found = await exchange(answer.identityId, { 'cognito-identity.amazonaws.com': answer.token });
    const user = { ...found, email: canonical(email) };
    storage.setItem(USER, JSON.stringify(user));
    return { answer, user };
  }

  /**
   * Changes the password of whoever is logged in. With an `email` that is not logged in here, it logs in with the old password
   * first: the function asks for that password in any case, so a second form would only be in the way.
   * A refused login comes back as `{ changed: false, reason, info }`.
   */
  async function changePassword({ email, oldPassword, newPassword }) {
    const user = kept(USER);
    const input = { email: email ? canonical(email) : user?.email, oldPassword, newPassword };
    if (user?.email === input.email && user?.accessKeyId !== doubted) {
      try {
        return await invoke('ChangePassword', input, user);
      } catch (fault) {
        // As with a guest's: an unreachable service may be a refusal in disguise, so the next try logs in afresh.
        if (fault.kind === 'unreachable') doubted = user.accessKeyId;
        if (fault.kind !== 'denied') throw fault;
      }
    }
    const { answer: { login: _, ...refusal }, user: fresh } = await signIn(input.email, oldPassword);
    return fresh ? invoke('ChangePassword', input, fresh) : { changed: false, ...refusal };
  }

  return {
    signUp: ({ email, password, name }) => asGuest('CreateUser', name ? { email, password, name } : { email, password }),
    verify: ({ email, verify }) => asGuest('VerifyUser', { email, verify }),
    login: async ({ email, password }) => (await signIn(email, password)).answer,
    lostPassword: ({ email }) => asGuest('LostPassword', { email }),
    resetPassword: ({ email, lost, password }) => asGuest('ResetPassword', { email, lost, password }),
    changePassword,
    session,
    credentials,
    signOut,
    guestCredentials,
  };
}

// As the functions do it: the same address in another spelling is the same account.
function canonical(email) {
  return email.trim().toLowerCase();
}

async function objectOf(response) {
  const value = await response.json().catch(() => null);
  return value !== null && typeof value === 'object' && !Array.isArray(value) ? value : null;
}

// A browser that blocks site data throws at the mere mention of sessionStorage: then credentials last as long as the page.
function tabStorage() {
  try {
    return globalThis.sessionStorage ?? memory();
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
  /** `{ email, verify }` from the mailed link → `{ verified }` */
  verify,
  /** `{ email, password }` → `{ login, identityId, token }`; the tab then holds the credentials. */
  login,
  /** `{ email }` → `{ sent }` */
  lostPassword,
  /** `{ email, lost, password }`, the first two from the mailed link → `{ changed }` */
  resetPassword,
  /** `{ email?, oldPassword, newPassword }` → `{ changed }`; logs in first where needed. */
  changePassword,
  session,
  credentials,
  /** Forgets the credentials in this tab. AWS knows no way to end them early: they run out by themselves. */
  signOut,
  /** Anonymous credentials, kept for the tab. Operations fetch them by themselves; calling it early saves the person the wait. */
  guestCredentials,
} = createClient();
