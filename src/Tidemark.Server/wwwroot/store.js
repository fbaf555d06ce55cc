// What the store holds and how it is kept, with what to do about what is wrong.

import { get } from './api.js';
import { h, table } from './dom.js';
import { bytes, count, counted, duration, time } from './format.js';
import { findProblems } from './problems.js';

const POLL = 5000;
const MOST_CHUNKS = 50;
const MOST_REFUSED = 20;

export const title = () => 'Store';

export async function show(root, { signal, fail }) {
  const content = h('div', {});
  let last = null;
  const load = async () => {
    const [status, health] = await Promise.all([get('/api/status', {}, signal), get('/api/health', {}, signal)]);
    const now = { status, health, at: Date.now() };
    const isOpen = content.querySelector('details')?.open ?? false;
    content.replaceChildren(...sections(now, last));
    content.querySelectorAll('details').forEach(details => { details.open = isOpen; });
    last = now;
  };
  await load();
  root.replaceChildren(h('div', { class: 'bar' }, h('h1', {}, 'Store')), content);
  const timer = setInterval(() => document.hidden || load().catch(fail), POLL);
  signal.addEventListener('abort', () => clearInterval(timer));
}

function sections(now, last) {
  const { status } = now;
  return [
    problems(findProblems(now)),
    summary(status),
    section('Aggregates', aggregates(status, now.at)),
    status.jobs.length > 0 && section('Jobs', jobs(status, now.at)),
    status.http && section('Readings over HTTP', http(status.http, now, last)),
    status.mqtt && section('Messages by MQTT', mqtt(status.mqtt, now, last)),
    section('Chunks', chunks(status)),
  ].filter(part => part);
}

const section = (name, ...content) => h('section', {}, h('h2', {}, name), ...content);

function problems(found) {
  if (found.length === 0) {
    return h('p', { class: 'fine' }, 'Nothing is wrong.');
  }
  return section('To do', h('ul', { class: 'problems' }, found.map(({ what, todo, command }) =>
    h('li', {}, h('strong', {}, what), ' ', todo, command && [' ', h('code', {}, command)]))));
}

function summary(status) {
  const raw = status.hypertables[0];
  const saved = raw.bytes_before_compression > 0 ? 1 - raw.bytes_after_compression / raw.bytes_before_compression : null;
  return h('dl', { class: 'facts' },
    fact('Readings', count(raw.rows)),
    fact('Sensors', count(status.sensors)),
    fact('On disk', bytes(status.total_bytes), status.free_bytes > 0 ? `${bytes(status.free_bytes)} of it free for new data` : null),
    fact('Bytes a reading', raw.rows > 0 ? ((status.total_bytes - status.free_bytes) / raw.rows).toFixed(1) : '–', 'aggregates included'),
    fact('Compressed', `${count(raw.compressed_chunks)} of ${count(raw.chunks)} chunks`,
      saved !== null && saved > 0 ? `${Math.round(saved * 100)} % smaller` : null),
    fact('Raw since', status.raw_horizon ? time(Date.parse(status.raw_horizon)) : 'the first reading',
      status.raw_horizon ? 'retention dropped what was before' : null),
    fact('Engine', status.engine, status.location));
}

const fact = (name, value, note) => h('div', {}, h('dt', {}, name), h('dd', {}, value, note && h('small', {}, note)));

const at = text => text === null ? '–' : time(Date.parse(text));
const ago = (text, now) => text === null ? '–' : time(Date.parse(text), `${duration(now - Date.parse(text))} ago`);

const aggregates = (status, now) => table('Aggregates',
  [['Name'], ['Bucket'], ['Built from'], ['Rows', 'number'], ['Materialised until'], ['Late buckets', 'number'], ['Refreshed']],
  status.aggregates.map(one => [
    one.name, one.bucket, one.source, count(one.rows), at(one.watermark), count(one.pending_invalidations), ago(one.last_refresh, now),
  ]));

const jobs = (status, now) => table('Jobs', [['Name'], ['State'], ['Schedule'], ['Last run'], ['Outcome'], ['Failures', 'number'], ['Next run']],
  status.jobs.map(job => [
    job.name, h('span', { class: `state ${job.state}` }, job.state), h('code', {}, job.schedule), ago(job.last_run, now), job.last_outcome ?? '–',
    count(job.failures), at(job.next_run),
  ]));

/** How many a second since the last look; null at the first. */
function rateOf(number, before, now, last) {
  const seconds = last === null ? 0 : (now.at - last.at) / 1000;
  return seconds > 0 ? `${((number - (before ?? 0)) / seconds).toFixed(1)} a second` : null;
}

function http(status, now, last) {
  const before = new Map(last?.status.http?.ways.map(way => [way.path, way]));
  return [
    table('Ways in over HTTP', [['Address'], ['Requests', 'number'], ['Readings', 'number'], ['Rate', 'number'], ['Requests refused', 'number']],
      status.ways.map(way => [
        way.path, count(way.requests), count(way.readings), rateOf(way.readings, before.get(way.path)?.readings, now, last) ?? '–', count(way.refused),
      ])),
    status.last_refused.length > 0 && table('Last requests refused', [['Time'], ['Address'], ['From'], ['Error', 'text']],
      status.last_refused.slice(0, MOST_REFUSED).map(one => [at(one.time), one.path, one.from, one.error])),
  ].filter(part => part);
}

function mqtt(status, now, last) {
  const rate = name => rateOf(status[name], last?.status.mqtt?.[name], now, last);
  const refused = Object.values(status.refused).reduce((sum, number) => sum + number, 0);
  return [
    h('dl', { class: 'facts' },
      fact('Messages', count(status.messages), rate('messages')),
      fact('Readings', count(status.readings), rate('readings')),
      fact('Waiting', count(status.waiting), 'not acknowledged yet'),
      fact('Clients', count(status.clients), status.listening.join(', ')),
      fact('Refused', count(refused), Object.entries(status.refused).map(([reason, number]) => `${reason} ${count(number)}`).join(', '))),
    status.brokers.length > 0 && table('Brokers', [['Broker'], ['State'], ['Since'], ['Error']], status.brokers.map(broker => [
      broker.address, h('span', { class: `state ${broker.connected ? 'ok' : 'failed'}` }, broker.connected ? 'connected' : 'away'),
      at(broker.since), broker.error ?? '–'])),
    status.last_refused.length > 0 && table('Last refusals', [['Topic'], ['Time'], ['Reason'], ['Error', 'text']],
      status.last_refused.slice(0, MOST_REFUSED).map(message => [message.topic, at(message.time), message.reason, message.error])),
  ].filter(part => part);
}

function chunks(status) {
  // The newest are those that people look for.
  const newest = status.chunks.slice(-MOST_CHUNKS).reverse();
  const left = status.chunks.length - newest.length;
  return h('details', {},
    h('summary', {}, `${counted(status.chunks.length, 'chunk')} of raw readings${left > 0 ? `, the last ${MOST_CHUNKS} here` : ''}`),
    table('Chunks', [['Chunk'], ['From'], ['To'], ['Readings', 'number'], ['Size', 'number'], ['State']], newest.map(chunk => [
      chunk.name, at(chunk.range.from), at(chunk.range.to), count(chunk.rows), bytes(chunk.bytes), chunk.compressed ? 'compressed' : 'open'])));
}
