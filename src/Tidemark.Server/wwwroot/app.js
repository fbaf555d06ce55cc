// The frame: which view an address shows, the header's switches, and the key where the server asks for one.
//
// A view is a module with `title(visit)` and `show(root, visit)`. A visit has `id` and `query` of the address, `signal`, aborted when the
// view is left, and `fail(error)` for what goes wrong after show is done. A view puts what it shows into the address (`visit.remember`), so
// that a link reproduces it.

import { ApiError, session } from './api.js';
import { h } from './dom.js';
import { switchZone, zoneName } from './format.js';

const views = {
  '': () => import('./fleet.js'),
  sensor: () => import('./sensor.js'),
  compare: () => import('./compare.js'),
  alerts: () => import('./alerts.js'),
  store: () => import('./store.js'),
};

const main = document.getElementById('main');
let leaving = new AbortController();

/** The view's name, what follows it in the path, and the query: #/sensor/boiler-7?period=1d. */
function readAddress() {
  const [path, query = ''] = location.hash.replace(/^#\/?/, '').split('?');
  const [view, ...rest] = path.split('/');
  return { view, id: decodeURIComponent(rest.join('/')), query: new URLSearchParams(query) };
}

async function showView() {
  leaving.abort();
  leaving = new AbortController();
  const { signal } = leaving;
  const address = readAddress();
  markNavigation(address.view);
  const open = views[address.view];
  if (open === undefined) {
    main.replaceChildren(h('h1', {}, 'There is no such view'), h('p', {}, h('a', { href: '#/' }, 'To the fleet')));
    return;
  }
  const fail = error => {
    if (!signal.aborted) {
      showFailure(error);
    }
  };
  const remember = query => {
    const text = query.toString();
    history.replaceState(null, '', `${location.hash.split('?')[0] || '#/'}${text === '' ? '' : `?${text}`}`);
  };
  try {
    const view = await open();
    const visit = { ...address, signal, fail, remember };
    document.title = `${view.title(visit)} · Tidemark`;
    await view.show(main, visit);
  } catch (error) {
    fail(error);
  }
}

/** Shows what went wrong, in place of the view. */
function showFailure(error) {
  if (error instanceof ApiError && error.needsKey) {
    showSignIn(error);
    return;
  }
  leaving.abort();
  const again = h('button', { type: 'button', onclick: showView }, 'Try again');
  // A module that is gone belongs to an older version of the server.
  const message = error instanceof ApiError ? error.message : `The page failed: ${error.message}. Reload it.`;
  main.replaceChildren(h('div', { class: 'notice', role: 'alert' }, h('p', {}, message), again));
}

async function showSignIn(reason) {
  leaving.abort();
  const { signIn } = await import('./signin.js');
  document.title = 'Sign in · Tidemark';
  signIn(main, reason, async () => {
    await showSession();
    await showView();
  });
}

function markNavigation(view) {
  for (const link of document.querySelectorAll('nav a[href^="#/"]')) {
    const isHere = link.hash.slice(2) === view;
    link.toggleAttribute('aria-current', isHere);
    if (isHere) {
      link.setAttribute('aria-current', 'page');
    }
  }
}

async function showSession() {
  const { name } = await session.read().catch(() => ({ name: null }));
  const button = document.getElementById('sign-out');
  button.hidden = name === null;
  button.title = `Signed in by the key '${name}'`;
}

function showZone() {
  const button = document.getElementById('zone');
  button.textContent = zoneName() === 'UTC' ? 'UTC' : 'Local';
  button.title = `Times are shown in ${zoneName()}`;
  button.setAttribute('aria-label', `Times: ${zoneName()}`);
}

document.getElementById('zone').addEventListener('click', switchZone);
document.addEventListener('zonechange', () => {
  showZone();
  showView();
});
document.getElementById('sign-out').addEventListener('click', async () => {
  await session.end();
  await showSession();
  showView();
});
document.querySelector('.skip').addEventListener('click', event => {
  // The address belongs to the view.
  event.preventDefault();
  main.focus();
});
addEventListener('hashchange', () => {
  showView();
  main.focus({ preventScroll: true });
});

showZone();
showView();
showSession();
