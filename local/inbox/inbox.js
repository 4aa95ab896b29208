// The mails as the emulator keeps them, from the same origin that serves this page.

const LOOK_EVERY_MS = 2000;
const state = document.getElementById('state');
const mails = document.getElementById('mails');
const shown = new Set();
// Where a mail goes that stands for one that an unknown address does not get (docs/decisions/0007).
const NOWHERE = 'success@simulator.amazonses.com';

function element(name, text, className) {
  const node = document.createElement(name);
  if (text !== undefined) node.textContent = text;
  if (className) node.className = className;
  return node;
}

// The links of a plain text become links; everything else stays text.
function linked(text) {
  const pre = element('pre');
  for (const part of text.split(/(https?:\/\/\S+)/)) {
    if (/^https?:\/\//.test(part)) {
      const link = element('a', part);
      link.href = part;
      link.target = '_blank';
      link.rel = 'noopener noreferrer';
      pre.append(link);
    } else {
      pre.append(part);
    }
  }
  return pre;
}

function article(mail) {
  const node = element('article');
  const sent = new Date(mail.Timestamp * 1000).toLocaleTimeString();
  const meta = `To ${(mail.To || []).join(', ')} · from ${mail.Source} · ${sent}`;
  node.append(element('h2', mail.Subject), element('p', meta, 'meta'));
  if (mail.BodyText) node.append(linked(mail.BodyText));
  if (mail.BodyHtml) {
    const details = element('details');
    const frame = element('iframe');
    frame.title = 'The HTML part';
    // Nothing in a mail may run; a link opens in a tab of its own.
    frame.setAttribute('sandbox', 'allow-popups allow-popups-to-escape-sandbox');
    frame.srcdoc = mail.BodyHtml.replace('<head>', '<head><base target="_blank">');
    details.append(element('summary', 'HTML part'), frame);
    node.append(details);
  }
  return node;
}

async function look() {
  try {
    const answer = await fetch('/_ministack/ses/messages', { cache: 'no-store' });
    const list = Object.values((await answer.json()).messages).flat();
    // What is shown stays as it is: someone may be reading it.
    for (const mail of list.sort((one, other) => one.Timestamp - other.Timestamp)) {
      if (shown.has(mail.MessageId) || mail.To?.includes(NOWHERE)) continue;
      shown.add(mail.MessageId);
      mails.prepend(article(mail));
    }
    const count = shown.size === 1 ? '1 mail' : `${shown.size} mails`;
    state.textContent = shown.size ? count : 'No mail yet. Sign up on the page, and it will be here.';
  } catch {
    state.textContent = 'The emulator does not answer. Start it with ./local.sh.';
  }
  setTimeout(look, LOOK_EVERY_MS);
}

look();
