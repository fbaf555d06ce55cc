// Alerts that fire or are about to, and the rules behind them.

import { get } from './api.js';
import { h, table } from './dom.js';
import { counted, duration, time, value } from './format.js';

const POLL = 5000;
const MOST = 500;

export const title = () => 'Alerts';

export async function show(root, { signal, fail }) {
  const content = h('div', {});
  const load = async () => {
    const [active, rules] = await Promise.all([get('/api/alerts', { limit: MOST }, signal), get('/api/alerts/rules', {}, signal)]);
    content.replaceChildren(...alerts(active), ...ruleList(rules));
  };
  await load();
  root.replaceChildren(h('div', { class: 'bar' }, h('h1', {}, 'Alerts')), content);
  const timer = setInterval(() => document.hidden || load().catch(fail), POLL);
  signal.addEventListener('abort', () => clearInterval(timer));
}

// Firing ones first, the worst and then the longest on top.
const severities = ['critical', 'warning', 'info'];
const rank = alert => [alert.state === 'firing' ? 0 : 1, severities.indexOf(alert.severity), Date.parse(alert.active_since)];

function compare(a, b) {
  const [left, right] = [rank(a), rank(b)];
  const place = left.findIndex((part, i) => part !== right[i]);
  return place < 0 ? 0 : left[place] - right[place];
}

function alerts({ alerts: active, count }) {
  if (count === 0) {
    return [h('p', { class: 'fine' }, 'No alert is firing or pending.')];
  }
  const now = Date.now();
  const since = text => time(Date.parse(text), `${duration(now - Date.parse(text))} ago`);
  return [
    h('p', { class: 'quiet', role: 'status' }, count > active.length
      ? `${counted(count, 'alert')}, ${active.length} of them here; /api/alerts has all.`
      : counted(count, 'alert')),
    table('Alerts', [['Sensor'], ['State'], ['Rule'], ['Severity'], ['Value', 'number'], ['Since'], ['Condition', 'text']], [...active].sort(compare).map(alert => [
      h('a', { href: `#/sensor/${encodeURIComponent(alert.sensor_id)}` }, alert.sensor_id),
      h('span', { class: `state ${alert.state === 'firing' ? 'failed' : 'stopped'}` }, alert.state),
      alert.rule, alert.severity, value(alert.value), since(alert.active_since), alert.summary || alert.expression,
    ])),
  ];
}

function ruleList({ rules, receivers }) {
  if (rules.length === 0) {
    return [h('h2', {}, 'Rules'), h('p', {}, 'There are none yet. They stand in ', h('code', {}, 'tidemark.json'), ' under ', h('code', {}, 'alerts'), ', or come by ',
      h('code', {}, 'PUT /api/alerts/rules/NAME'), '.')];
  }
  return [
    h('h2', {}, 'Rules'),
    table('Rules', [['Name'], ['Sensors'], ['Condition', 'text'], ['From']], rules.map(({ source, expression, rule }) => [
      rule.name, rule.sensors ?? '*', expression, source])),
    receivers.length > 0 && h('p', { class: 'quiet' }, `Receivers: ${receivers.join(', ')}`),
  ].filter(part => part);
}
