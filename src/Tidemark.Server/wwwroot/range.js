// The time that charts show: a period up to now, which moves on with it, or a range that stays.

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
// Months and years are shown whole, however long they are.
const LENGTHS = { h: HOUR, d: DAY, w: 7 * DAY, m: 31 * DAY, y: 366 * DAY };
const DEFAULT = '1d';
const [SHORTEST, LONGEST] = [1000, 100 * LENGTHS.y];

export const presets = [
  { period: '1h', text: 'Hour' },
  { period: '1d', text: 'Day' },
  { period: '1w', text: 'Week' },
  { period: '1m', text: 'Month' },
  { period: '1y', text: 'Year' },
];

const lengthOf = period => {
  const [, number, unit] = /^([1-9]\d{0,3})([hdwmy])$/.exec(period ?? '') ?? [];
  return unit && Math.min(number * LENGTHS[unit], LONGEST);
};

/** The range that an address names: { period } or { from, to }. */
export function readRange(query) {
  const [from, to] = [Date.parse(query.get('from')), Date.parse(query.get('to'))];
  const period = query.get('period');
  return to - from >= SHORTEST && to - from <= LONGEST ? { from, to } : { period: lengthOf(period) ? period : DEFAULT };
}

/** Writes a range as readRange reads it. */
export function writeRange(range, query) {
  if (range.period) {
    query.set('period', range.period);
  } else {
    query.set('from', new Date(range.from).toISOString());
    query.set('to', new Date(range.to).toISOString());
  }
}

/** From when to when it is now. */
export const endsOf = (range, now) => range.period ? { from: now - lengthOf(range.period), to: now } : { from: range.from, to: range.to };

/** The part of ends between two shares of them; it may reach beyond them. */
export function part({ from, to }, first, last) {
  const length = Math.min(Math.max((to - from) * (last - first), SHORTEST), LONGEST);
  const middle = from + (to - from) * (first + last) / 2;
  return { from: Math.round(middle - length / 2), to: Math.round(middle + length / 2) };
}

/** Ends that are factor times as far apart, with the instant at a share of them where it was. */
export const zoomed = (ends, factor, share = 0.5) => part(ends, share - share * factor, share + (1 - share) * factor);

/** Ends moved by a share of what they span. */
export const panned = (ends, share) => part(ends, share, 1 + share);

/** Ends as a range that can be shown: nothing lies far beyond now. */
export function within({ from, to }, now) {
  const beyond = Math.max(0, to - now - (to - from) / 20);
  return { from: Math.round(from - beyond), to: Math.round(to - beyond) };
}

/** The shortest preset that spans ends: what leads back to now. */
export const presetOf = ({ from, to }) => (presets.find(preset => lengthOf(preset.period) >= (to - from) * 0.999) ?? presets.at(-1)).period;
