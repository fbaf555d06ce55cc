// Numbers, units and times as people read them. Times are the browser's, or UTC when the header's switch says so; hovering shows the other.

import { h } from './dom.js';

const plain = new Intl.NumberFormat('en');

/** A whole number, all digits. */
export const count = number => plain.format(number);

/** 1 chunk, 2 chunks. */
export const counted = (number, noun) => `${count(number)} ${noun}${number === 1 ? '' : 's'}`;

/** A measured value with five significant digits, but never less than its whole part. */
export function value(number) {
  if (number === null || number === undefined) {
    return '–';
  }
  const size = Math.abs(number);
  if (size !== 0 && (size < 1e-4 || size >= 1e12)) {
    return number.toExponential(3);
  }
  const digits = size === 0 ? 0 : Math.max(0, Math.min(6, 4 - Math.floor(Math.log10(size))));
  return new Intl.NumberFormat('en', { maximumFractionDigits: digits }).format(number);
}

/** A value and its unit, with a space that doesn't break. */
export const withUnit = (number, unit) => unit ? `${value(number)}\u00a0${unit}` : value(number);

export function bytes(number) {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let scaled = number;
  let unit = 0;
  while (scaled >= 1024 && unit < units.length - 1) {
    scaled /= 1024;
    unit++;
  }
  return `${scaled >= 100 || unit === 0 ? Math.round(scaled) : scaled.toFixed(1)}\u00a0${units[unit]}`;
}

const spans = [['y', 31_557_600_000], ['mo', 2_629_800_000], ['d', 86_400_000], ['h', 3_600_000], ['min', 60_000], ['s', 1000]];

/** A duration in milliseconds, in its largest unit: 42 s, 5 min, 3 h, 2 d. */
export function duration(milliseconds) {
  const [unit, size] = spans.find(([, length]) => milliseconds >= length) ?? spans.at(-1);
  return `${Math.max(0, Math.floor(milliseconds / size))}\u00a0${unit}`;
}

const zone = {
  get isUtc() {
    try {
      return localStorage.getItem('zone') === 'utc';
    } catch {
      return false;
    }
  },
};

/** The zone in which times are shown: UTC or the browser's, by its IANA name. */
export const zoneName = () => zone.isUtc ? 'UTC' : Intl.DateTimeFormat().resolvedOptions().timeZone;

/** Switches between the browser's zone and UTC. */
export function switchZone() {
  try {
    localStorage.setItem('zone', zone.isUtc ? 'local' : 'utc');
  } catch { /* Without storage times stay local. */ }
  document.dispatchEvent(new Event('zonechange'));
}

const formats = new Map();

// Swedish writes times as ISO 8601 does.
function formatIn(timeZone, options, instant) {
  const key = `${timeZone} ${Object.keys(options).join()}`;
  if (!formats.has(key)) {
    formats.set(key, new Intl.DateTimeFormat('sv', { timeZone, ...options }));
  }
  return formats.get(key).format(instant);
}

const parts = { year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', second: '2-digit' };

/** 2026-11-22 10:30:00 in the zone that is shown, or another. */
export const dateTime = (instant, timeZone = zoneName()) => formatIn(timeZone, parts, instant);

/** 10:30:00, in the zone that is shown. */
export const timeOfDay = instant => formatIn(zoneName(), { hour: '2-digit', minute: '2-digit', second: '2-digit' }, instant);

/** A <time> whose title has the other zone too. */
export function time(instant, text = dateTime(instant)) {
  const at = new Date(instant);
  return h('time', { datetime: at.toISOString(), title: both(at) }, text);
}

const both = at => `${dateTime(at, Intl.DateTimeFormat().resolvedOptions().timeZone)} local\n${dateTime(at, 'UTC')} UTC`;
