// Asks for a key once; the server keeps the session in a cookie that no script can read.

import { session } from './api.js';
import { h } from './dom.js';

export function signIn(root, reason, done) {
  const key = h('input', { id: 'key', type: 'password', autocomplete: 'current-password', required: true, spellcheck: 'false' });
  const error = h('p', { class: 'error', role: 'alert' });
  const button = h('button', { type: 'submit', class: 'primary' }, 'Sign in');
  const form = h('form', { class: 'sign-in', method: 'post' },
    h('h1', {}, 'Sign in'),
    h('p', {}, 'This server asks for an API key with the scope ', h('code', {}, 'read'), '. Make one where the server runs:'),
    h('pre', {}, 'tidemark key add me'),
    h('label', { for: 'key' }, 'Key'), key, button, error,
    h('p', { class: 'quiet' }, 'It is kept as a session of 30 days in this browser, which can read and not write.'));
  if (reason.status === 403) {
    error.textContent = reason.message;
  }
  form.addEventListener('submit', async event => {
    event.preventDefault();
    button.disabled = true;
    error.textContent = '';
    try {
      await session.begin(key.value);
      done();
    } catch (failure) {
      error.textContent = failure.message;
      button.disabled = false;
      key.select();
    }
  });
  root.replaceChildren(form);
  key.focus();
}
