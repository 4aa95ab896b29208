/**
 * The client module as pages load it, against a stand-in for `fetch` that answers as Cognito Identity and Lambda do.
 * Run with `node --test tests/web/`. Node 20 or newer, nothing else.
 */
import assert from 'node:assert/strict';
import { createHash, createHmac } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';

const SETTINGS = {
  region: 'eu-west-1',
  identityPoolId: 'eu-west-1:11111111-2222-3333-4444-555555555555',
  functionPrefix: 'sampleAuth',
  serviceName: 'Latchkey',
  endpoint: null,
  passwordMinLength: 8,
};
const HOUR_MS = 3_600_000;
const COGNITO = 'https://cognito-identity.eu-west-1.amazonaws.com/';
const LAMBDA = 'https://lambda.eu-west-1.amazonaws.com/2015-03-31/functions/sampleAuth';

// config.js exists only in a deployed site, so the module is tried in one: a folder with the generated file beside it.
const site = mkdtempSync(join(tmpdir(), 'latchkey-web-'));
after(() => rmSync(site, { recursive: true, force: true }));
const web = fileURLToPath(new URL('../../web/', import.meta.url));
mkdirSync(join(site, 'vendor'));
cpSync(join(web, 'latchkey.js'), join(site, 'latchkey.js'));
cpSync(join(web, 'vendor/aws4fetch.js'), join(site, 'vendor/aws4fetch.js'));
writeFileSync(join(site, 'config.js'), `export default ${JSON.stringify(SETTINGS)};\n`);
writeFileSync(join(site, 'package.json'), '{ "type": "module" }\n');
const { Fault, createClient } = await import(pathToFileURL(join(site, 'latchkey.js')).href);

/** A client in a world of its own. `answers` says what each function answers; `world` holds the clock, the storage and all calls. */
function setUp(answers = {}, config = SETTINGS) {
  const items = new Map();
  const devices = new Map();
  const storageIn = (map) => ({
    getItem: (key) => map.get(key) ?? null,
    setItem: (key, value) => { map.set(key, value); },
    removeItem: (key) => { map.delete(key); },
  });
  const world = {
    time: Date.parse('2026-01-02T03:04:05Z'),
    skew: 0,
    calls: [],
    items,
    devices,
    storage: storageIn(items),
    deviceStorage: storageIn(devices),
    names: () => world.calls.map((call) => call.name),
    keyOf: (call) => /Credential=(\w+)\//.exec(call.request.headers.get('authorization'))?.[1],
  };
  let issued = 0;
  const cognito = {
    GetId: () => ({ IdentityId: 'guest' }),
    GetCredentialsForIdentity: ({ IdentityId }) => ({
      IdentityId,
      Credentials: {
        AccessKeyId: `KEY${++issued}`,
        SecretKey: 'secret',
        SessionToken: 'session token',
        Expiration: (world.time + world.skew + HOUR_MS) / 1000,
      },
    }),
  };
  async function fetch(input, init) {
    const request = new Request(input, init);
    const body = await request.text();
    const target = request.headers.get('x-amz-target');
    const name = target?.split('.')[1] ?? /sampleAuth(\w+)\//.exec(request.url)[1];
    const call = { name, request, body, input: JSON.parse(body) };
    world.calls.push(call);
    const answer = await (answers[name] ?? cognito[name])(call.input, world, call);
    if (answer instanceof Response) return answer;
    return Response.json(answer, { headers: { date: new Date(world.time + world.skew).toUTCString() } });
  }
  const client = createClient({ config, fetch, storage: world.storage, deviceStorage: world.deviceStorage, now: () => world.time });
  const another = () => createClient({ config, fetch, storage: world.storage, deviceStorage: world.deviceStorage, now: () => world.time });
  return { client, another, world };
}

const ANN = { email: ' Ann@Example.com', password: 'right' };
const LOGIN = { Login: () => ({ login: true, identityId: 'ann', token: 'token of ann' }) };

async function faultOf(promise) {
  const fault = await promise.then((value) => assert.fail(`answered ${JSON.stringify(value)}`), (error) => error);
  assert.ok(fault instanceof Fault, String(fault));
  return fault;
}

test('a guest gets credentials without a signature and calls the live alias with them', async () => {
  const { client, world } = setUp({ LostPassword: () => ({ sent: true }) });
  assert.deepEqual(await client.lostPassword({ email: 'a@example.com' }), { sent: true });
  assert.deepEqual(world.names(), ['GetId', 'GetCredentialsForIdentity', 'LostPassword']);
  const [id, , call] = world.calls;
  assert.equal(id.request.url, COGNITO);
  assert.equal(id.request.headers.get('x-amz-target'), 'AWSCognitoIdentityService.GetId');
  assert.equal(id.request.headers.get('content-type'), 'application/x-amz-json-1.1');
  assert.equal(id.request.headers.get('authorization'), null);
  assert.equal(call.request.url, `${LAMBDA}LostPassword/invocations?Qualifier=live`);
  assert.equal(call.request.method, 'POST');
});

test('the call is signed as Signature Version 4 prescribes', async () => {
  const { client, world } = setUp({ LostPassword: () => ({ sent: true }) });
  await client.lostPassword({ email: 'é@example.com' });
  const { request, body } = world.calls.at(-1);
  const hash = (text) => createHash('sha256').update(text).digest('hex');
  const hmac = (key, text) => createHmac('sha256', key).update(text).digest();
  const canonical = [
    'POST', '/2015-03-31/functions/sampleAuthLostPassword/invocations', 'Qualifier=live',
    'host:lambda.eu-west-1.amazonaws.com', 'x-amz-date:20260102T030405Z', 'x-amz-security-token:session token', '',
    'host;x-amz-date;x-amz-security-token', hash(body),
  ].join('\n');
  const scope = '20260102/eu-west-1/lambda/aws4_request';
  const key = scope.split('/').reduce(hmac, 'AWS4secret');
  const signature = hmac(key, ['AWS4-HMAC-SHA256', '20260102T030405Z', scope, hash(canonical)].join('\n')).toString('hex');
  assert.equal(
    request.headers.get('authorization'),
    `AWS4-HMAC-SHA256 Credential=KEY1/${scope}, SignedHeaders=host;x-amz-date;x-amz-security-token, Signature=${signature}`,
  );
});

test('a configured endpoint takes every call', async () => {
  const { client, world } = setUp({ LostPassword: () => ({ sent: true }) }, { ...SETTINGS, endpoint: 'http://localhost:4566/' });
  await client.lostPassword({ email: 'a@example.com' });
  assert.deepEqual(world.calls.map((call) => call.request.url), [
    'http://localhost:4566/',
    'http://localhost:4566/',
    'http://localhost:4566/2015-03-31/functions/sampleAuthLostPassword/invocations?Qualifier=live',
  ]);
});

test('a second page of the tab needs no new guest credentials until shortly before they expire', async () => {
  const { client, another, world } = setUp({ LostPassword: () => ({ sent: true }) });
  await client.lostPassword({ email: 'a@example.com' });
  world.time += HOUR_MS - 61_000;
  await another().lostPassword({ email: 'a@example.com' });
  assert.equal(world.names().filter((name) => name === 'GetId').length, 1);
  world.time += 2_000;
  await another().lostPassword({ email: 'a@example.com' });
  assert.equal(world.names().filter((name) => name === 'GetId').length, 2);
  assert.equal(world.keyOf(world.calls.at(-1)), 'KEY2');
});

test('calls at the same time share one request for credentials', async () => {
  const { client, world } = setUp({ LostPassword: () => ({ sent: true }) });
  await Promise.all([client.guestCredentials(), client.lostPassword({ email: 'a@example.com' })]);
  assert.equal(world.names().filter((name) => name === 'GetId').length, 1);
});

test('credentials of another pool are not offered to this one', async () => {
  const { client, world } = setUp({ LostPassword: () => ({ sent: true }) });
  await client.guestCredentials();
  const other = setUp({ LostPassword: () => ({ sent: true }) }, { ...SETTINGS, identityPoolId: 'eu-west-1:other' });
  for (const [key, value] of world.items) other.world.items.set(key, value);
  await other.client.lostPassword({ email: 'a@example.com' });
  assert.deepEqual(other.world.names(), ['GetId', 'GetCredentialsForIdentity', 'LostPassword']);
});

test('kept guest credentials that are refused are replaced once, fresh ones are not', async () => {
  let refusals = 1;
  const { client, world } = setUp({
    LostPassword: () => (refusals-- > 0 ? Response.json({ Message: 'expired' }, { status: 403 }) : { sent: true }),
  });
  await client.guestCredentials();
  assert.deepEqual(await client.lostPassword({ email: 'a@example.com' }), { sent: true });
  assert.equal(world.keyOf(world.calls.at(-1)), 'KEY2');

  refusals = 9;
  world.items.clear();
  world.calls.length = 0;
  assert.equal((await faultOf(client.lostPassword({ email: 'a@example.com' }))).kind, 'denied');
  assert.equal(world.names().filter((name) => name === 'LostPassword').length, 1);
});

test('a device whose clock is wrong signs with the time of AWS and still knows when credentials end', async () => {
  const { client, world } = setUp({ ...LOGIN });
  world.skew = 20 * 60_000;
  await client.login(ANN);
  assert.equal(world.calls[2].request.headers.get('x-amz-date'), '20260102T032405Z');
  assert.equal(client.session().expiration.getTime(), world.time + HOUR_MS);
});

test('a refusal is an answer, not an error', async () => {
  const refusal = { login: false, reason: 'too_many_attempts', info: 'Wait.', retryAfter: 60 };
  const { client } = setUp({ Login: () => refusal });
  assert.deepEqual(await client.login(ANN), refusal);
  assert.equal(client.session(), null);
});

test('a login leaves credentials of that identity in the tab, until they expire or the person signs out', async () => {
  const { client, another, world } = setUp(LOGIN);
  assert.equal((await client.login(ANN)).login, true);
  const exchange = world.calls.at(-1);
  assert.deepEqual(exchange.input, { IdentityId: 'ann', Logins: { 'cognito-identity.amazonaws.com': 'token of ann' } });
  assert.equal(exchange.request.headers.get('authorization'), null);
  const expiration = new Date(world.time + HOUR_MS);
  assert.deepEqual(another().session(), { email: 'ann@example.com', identityId: 'ann', expiration });
  assert.deepEqual(another().credentials(), {
    accessKeyId: 'KEY2', secretAccessKey: 'secret', sessionToken: 'session token', identityId: 'ann', expiration,
  });
  assert.doesNotMatch([...world.items.values()].join(), /right|token of ann/, 'neither password nor token is kept');

  world.time += HOUR_MS;
  assert.equal(client.session(), null);
  assert.equal(client.credentials(), null);
  world.time -= HOUR_MS;
  client.signOut();
  assert.equal(another().session(), null);
});

test('who is logged in changes the password with the credentials at hand', async () => {
  const { client, world } = setUp({ ...LOGIN, ChangePassword: () => ({ changed: true }) });
  await client.login(ANN);
  world.calls.length = 0;
  assert.deepEqual(await client.changePassword({ email: 'ANN@example.com ', oldPassword: 'right', newPassword: 'new' }), { changed: true });
  assert.deepEqual(world.names(), ['ChangePassword']);
  assert.equal(world.keyOf(world.calls[0]), 'KEY2');
  assert.deepEqual(world.calls[0].input, { email: 'ann@example.com', oldPassword: 'right', newPassword: 'new', device: '' });
});

test('who is not logged in, no longer, or as someone else, is logged in with the old password first', async () => {
  const changes = { oldPassword: 'right', newPassword: 'new' };
  const fresh = setUp({ ...LOGIN, ChangePassword: () => ({ changed: true }) });
  assert.deepEqual(await fresh.client.changePassword({ email: 'ann@example.com', ...changes }), { changed: true });
  assert.deepEqual(fresh.world.names(), ['GetId', 'GetCredentialsForIdentity', 'Login', 'GetCredentialsForIdentity', 'ChangePassword']);
  assert.equal(fresh.world.keyOf(fresh.world.calls.at(-1)), 'KEY2');

  fresh.world.time += HOUR_MS;
  fresh.world.calls.length = 0;
  await fresh.client.changePassword({ email: 'ann@example.com', ...changes });
  assert.ok(fresh.world.names().includes('Login'));

  fresh.world.calls.length = 0;
  await fresh.client.changePassword({ email: 'bob@example.com', ...changes });
  assert.deepEqual(fresh.world.calls.find((call) => call.name === 'Login').input, { email: 'bob@example.com', password: 'right', device: '' });
});

test('a wrong old password is a refusal to change it', async () => {
  const { client, world } = setUp({ Login: () => ({ login: false, reason: 'invalid_credentials', info: 'Wrong.' }) });
  assert.deepEqual(
    await client.changePassword({ email: 'ann@example.com', oldPassword: 'no', newPassword: 'new' }),
    { changed: false, reason: 'invalid_credentials', info: 'Wrong.' },
  );
  assert.ok(!world.names().includes('ChangePassword'));
});

test('a session that is refused is renewed with the old password; after an unreachable service the next try does so', async () => {
  let reply = () => Response.json({ Message: 'expired' }, { status: 403 });
  const { client, world } = setUp({ ...LOGIN, ChangePassword: (...call) => reply(...call) });
  const change = () => client.changePassword({ email: 'ann@example.com', oldPassword: 'right', newPassword: 'new' });
  await client.login(ANN);
  reply = (_, __, call) => (world.keyOf(call) === 'KEY2' ? Response.json({}, { status: 403 }) : { changed: true });
  assert.deepEqual(await change(), { changed: true });

  reply = () => { throw new TypeError('Failed to fetch'); };
  world.calls.length = 0;
  assert.equal((await faultOf(change())).kind, 'unreachable');
  assert.deepEqual(world.names(), ['ChangePassword'], 'it may have run, so it is not repeated unasked');
  reply = () => ({ changed: true });
  world.calls.length = 0;
  assert.deepEqual(await change(), { changed: true });
  assert.deepEqual(world.names(), ['Login', 'GetCredentialsForIdentity', 'ChangePassword']);
});

test('an optional name is left out when there is none', async () => {
  const { client, world } = setUp({ CreateUser: () => ({ created: true }) });
  await client.signUp({ email: 'a@example.com', password: 'p', name: '' });
  assert.deepEqual(world.calls.at(-1).input, { email: 'a@example.com', password: 'p' });
  await client.signUp({ email: 'a@example.com', password: 'p', name: 'Ann' });
  assert.deepEqual(world.calls.at(-1).input, { email: 'a@example.com', password: 'p', name: 'Ann' });
});

test('tokens go to the function that they are for, and nothing else does', async () => {
  const { client, world } = setUp({ VerifyUser: () => ({ verified: true }), ResetPassword: () => ({ changed: true }) });
  await client.verify({ email: 'a@example.com', verify: 'v', more: 1 });
  assert.deepEqual(world.calls.at(-1).input, { email: 'a@example.com', verify: 'v' });
  await client.resetPassword({ email: 'a@example.com', lost: 'l', password: 'p', more: 1 });
  assert.deepEqual(world.calls.at(-1).input, { email: 'a@example.com', lost: 'l', password: 'p', device: '' });
});

test('a link is verified with the password where there is one', async () => {
  const { client, world } = setUp({ VerifyUser: () => ({ verified: true }) });
  await client.verify({ email: 'a@example.com', verify: 'v', password: 'p' });
  assert.deepEqual(world.calls.at(-1).input, { email: 'a@example.com', verify: 'v', password: 'p' });
});

const DEVICES = {
  Login: (_, world) => ({ ...LOGIN.Login(), device: `device ${world.calls.length}` }),
  ChangePassword: (_, world) => ({ changed: true, device: `changed ${world.calls.length}` }),
  ResetPassword: (_, world) => ({ changed: true, device: `reset ${world.calls.length}` }),
};

test('a device token is kept per address, sent back, and not part of the answer', async () => {
  const { client, another, world } = setUp(DEVICES);
  assert.deepEqual(await client.login(ANN), LOGIN.Login());
  const sent = () => world.calls.filter((call) => 'device' in call.input).map((call) => call.input.device);
  assert.deepEqual(sent(), ['']);
  const [kept] = world.devices.values();
  assert.match(kept, /^device /);
  // In another tab, under another way of writing the address.
  world.items.clear();
  await another().login({ email: 'ANN@example.com ', password: 'right' });
  await another().login({ email: 'bob@example.com', password: 'right' });
  assert.deepEqual(sent().slice(1), [kept, ''], 'another address has another token');
  assert.doesNotMatch([...world.devices.keys(), ...world.items.values()].join(), /bob@.*device|ann@.*device/);
  assert.ok(![...world.devices.keys()].some((key) => key.includes('@')), 'no address is listed');
});

test('whoever changes or resets a password gets a token for the new one', async () => {
  const { client, world } = setUp(DEVICES);
  await client.login(ANN);
  const first = [...world.devices.values()];
  assert.deepEqual(await client.changePassword({ oldPassword: 'right', newPassword: 'new' }), { changed: true });
  assert.equal(world.calls.at(-1).input.device, first[0]);
  const [changed] = world.devices.values();
  assert.match(changed, /^changed /);
  await client.resetPassword({ email: 'ann@example.com', lost: 'l', password: 'p' });
  assert.equal(world.calls.at(-1).input.device, changed);
  assert.match([...world.devices.values()][0], /^reset /);
});

test('a refusal keeps the token that is there', async () => {
  let refuse = false;
  const refusal = { login: false, reason: 'invalid_credentials', info: 'Wrong.' };
  const { client, world } = setUp({ Login: (...call) => (refuse ? refusal : DEVICES.Login(...call)) });
  await client.login(ANN);
  const kept = [...world.devices];
  refuse = true;
  assert.deepEqual(await client.login(ANN), refusal);
  assert.deepEqual([...world.devices], kept);
});

test('a service that does not know the field is asked once without it, and from then on only so', async () => {
  const invalid = { login: false, reason: 'invalid_request', info: 'The request is not of the documented form.' };
  const { client, another, world } = setUp({ Login: (input) => ('device' in input ? invalid : LOGIN.Login()) });
  const logins = () => world.calls.filter((call) => call.name === 'Login').map((call) => Object.keys(call.input).join());
  assert.equal((await client.login(ANN)).login, true);
  assert.deepEqual(logins(), ['email,password,device', 'email,password']);
  await another().login(ANN);
  assert.deepEqual(logins().slice(2), ['email,password'], 'remembered for the tab');
});

test('a request that is invalid anyway teaches nothing about the service', async () => {
  const invalid = { login: false, reason: 'invalid_request', info: 'No.' };
  let answer = () => invalid;
  const { client, world } = setUp({ Login: (...call) => answer(...call) });
  assert.deepEqual(await client.login({ email: 'ann@example.com', password: '' }), invalid);
  answer = DEVICES.Login;
  await client.login(ANN);
  assert.equal(world.devices.size, 1);
});

test('a browser that denies its storage is one without a known device', async () => {
  const { world } = setUp(DEVICES);
  const original = Object.getOwnPropertyDescriptor(globalThis, 'localStorage');
  Object.defineProperty(globalThis, 'localStorage', { configurable: true, get: () => { throw new Error('denied'); } });
  try {
    assert.ok(createClient({ config: SETTINGS, storage: world.storage }));
  } finally {
    if (original) Object.defineProperty(globalThis, 'localStorage', original);
    else delete globalThis.localStorage;
  }
});

const failed = { errorType: 'TableUnavailable', errorMessage: 'text' };
const FAULTS = [
  ['a function error by its header', () => Response.json({}, { headers: { 'X-Amz-Function-Error': 'Unhandled' } }), 'failed'],
  ['a function error by its body, where the header is hidden from pages', () => failed, 'failed', 'TableUnavailable'],
  ['a server error', () => new Response('', { status: 502 }), 'failed'],
  ['an answer that is no object', () => Response.json([]), 'failed'],
  ['an answer that is no JSON', () => new Response('<html>'), 'failed'],
  ['throttling', () => Response.json({}, { status: 429, headers: { 'X-Amzn-ErrorType': 'TooManyRequestsException:' } }), 'busy', 'TooManyRequestsException'],
  ['a refused call', () => Response.json({}, { status: 403 }), 'denied'],
  ['no network', () => { throw new TypeError('Failed to fetch'); }, 'unreachable'],
];
for (const [what, answer, kind, errorType] of FAULTS) {
  test(`${what} is a fault: ${kind}`, async () => {
    const { client } = setUp({ LostPassword: answer });
    const fault = await faultOf(client.lostPassword({ email: 'a@example.com' }));
    assert.equal(fault.kind, kind);
    assert.equal(fault.errorType, errorType);
    assert.match(fault.message, /try again/i);
    assert.doesNotMatch(fault.message, /Failed to fetch|TableUnavailable/);
  });
}

const cognitoError = (type, status = 400) => () => Response.json({ __type: `com.amazonaws#${type}` }, { status });
for (const [type, status, kind] of [
  ['ResourceNotFoundException', 400, 'denied'],
  ['TooManyRequestsException', 400, 'busy'],
  ['InternalErrorException', 500, 'failed'],
]) {
  test(`${type} of Cognito is a fault: ${kind}`, async () => {
    const { client, world } = setUp({ GetId: cognitoError(type, status) });
    const fault = await faultOf(client.lostPassword({ email: 'a@example.com' }));
    assert.deepEqual([fault.kind, fault.errorType], [kind, type]);
    assert.deepEqual(world.names(), ['GetId']);
  });
}

test('a token that Cognito refuses logs nobody in', async () => {
  const { client } = setUp({
    ...LOGIN,
    GetCredentialsForIdentity: ({ IdentityId, Logins }, world) => (Logins
      ? cognitoError('NotAuthorizedException')()
      : { IdentityId, Credentials: { AccessKeyId: 'K', SecretKey: 's', SessionToken: 't', Expiration: world.time / 1000 + 3600 } }),
  });
  assert.equal((await faultOf(client.login(ANN))).kind, 'denied');
  assert.equal(client.session(), null);
});

test('after a fault at the door, another try begins anew', async () => {
  let up = false;
  const { client } = setUp({
    GetId: () => (up ? { IdentityId: 'guest' } : new Response('', { status: 500 })),
    LostPassword: () => ({ sent: true }),
  });
  await faultOf(client.lostPassword({ email: 'a@example.com' }));
  up = true;
  assert.deepEqual(await client.lostPassword({ email: 'a@example.com' }), { sent: true });
});
