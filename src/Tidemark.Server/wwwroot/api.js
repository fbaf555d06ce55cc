// Questions to the server. What fails is an ApiError whose message is one line for people.

export class ApiError extends Error {
  /** @param status the answer's, 0 when there was none. */
  constructor(message, status = 0) {
    super(message);
    this.status = status;
  }

  /** Whether the server asks for a key, or for another one. */
  get needsKey() {
    return this.status === 401 || this.status === 403;
  }
}

/** GET path with the parameters that have a value. */
export async function get(path, params = {}, signal = undefined) {
  return (await send(address(path, params), { signal })).json();
}

/** Sensors as a parameter names them: a backslash takes a comma or an asterisk as it is. */
export const list = ids => ids.map(id => id.replaceAll(/[\\,*]/g, '\\$&')).join();

/** An address with a query. */
export function address(path, params) {
  const query = Object.entries(params)
    .filter(([, value]) => value !== undefined && value !== null && value !== '')
    .map(([name, value]) => `${name}=${encodeURIComponent(value)}`)
    .join('&');
  return query === '' ? path : `${path}?${query}`;
}

export const session = {
  read: () => get('/api/session'),
  begin: async key => (await send('/api/session', {
    method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ key }),
  })).json(),
  end: () => send('/api/session', { method: 'DELETE' }),
};

async function send(url, options) {
  let answer;
  try {
    answer = await fetch(url, { ...options, headers: { Accept: 'application/json', ...options.headers } });
  } catch (error) {
    if (error.name === 'AbortError') {
      throw error;
    }
    throw new ApiError('The server gives no answer. Is it running?');
  }
  if (!answer.ok) {
    const problem = await answer.json().catch(() => ({}));
    throw new ApiError(problem.error ?? `The server answered ${answer.status} ${answer.statusText}.`, answer.status);
  }
  return answer;
}
