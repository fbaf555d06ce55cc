// What is wrong with a store, and what to do about it.

import { count, duration } from './format.js';

const MINUTE = 60_000;

/** @returns a list of what, todo and, where one helps, a command. */
export function findProblems({ status, health, at }) {
  return [
    ...storeProblems(health),
    ...status.jobs.filter(job => job.state !== 'ok').map(job => jobProblem(job)),
    ...status.aggregates.flatMap(aggregate => aggregateProblems(aggregate, status, at)),
    ...mqttProblems(status.mqtt),
  ];
}

function storeProblems(health) {
  return health.status === 'healthy' ? [] : [{ what: `The store can't answer: ${health.error}.`, todo: 'The log of the server says more.' }];
}

function jobProblem(job) {
  const what = job.state === 'failed' ? `${job.name} failed: ${job.last_outcome}.` : `${job.name} was due and didn't run.`;
  if (job.overdue) {
    return { what, todo: "The server does its work. Look at the database's background workers (timescaledb.max_background_workers)." };
  }
  return { what, todo: 'It is tried again by itself; by hand:', command: `tidemark ${/refresh/.test(job.name) ? 'refresh' : 'maintain'}` };
}

function aggregateProblems(aggregate, status, at) {
  if (aggregate.ahead_of_clock) {
    return [{
      what: `${aggregate.name} is materialised ahead of the clock, to ${aggregate.watermark}.`,
      todo: 'A clock was ahead. Nothing is lost: what is written there counts as late until the clock has come there.',
    }];
  }
  const refreshed = aggregate.last_refresh === null ? null : at - Date.parse(aggregate.last_refresh);
  const isScheduled = status.jobs.some(job => /refresh/.test(job.name));
  if (aggregate.pending_invalidations > 0 && refreshed !== null && refreshed > 30 * MINUTE && !isScheduled) {
    return [{
      what: `${count(aggregate.pending_invalidations)} late buckets of ${aggregate.name} wait since ${duration(refreshed)}.`,
      todo: 'Nothing is scheduled that refreshes here; by hand or from cron:', command: 'tidemark refresh',
    }];
  }
  return [];
}

function mqttProblems(mqtt) {
  if (!mqtt) {
    return [];
  }
  const away = mqtt.brokers.filter(broker => !broker.connected).map(broker => ({
    what: `The broker ${broker.address} is away${broker.error ? `: ${broker.error}` : ''}.`, todo: 'It is tried again by itself. Check its address, user and certificate.',
  }));
  return mqtt.store_error ? [{ what: `Messages wait: ${mqtt.store_error}.`, todo: 'They are written once the store takes readings.' }, ...away] : away;
}
