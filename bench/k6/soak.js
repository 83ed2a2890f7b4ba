// A long day: visitors and customers side by side for SECONDS (two hours). What leaks or piles up shows as the second half
// being slower than the first, which has its own threshold. RATE visitors and BUYERS customers a second.
import { check } from 'k6';
import exec from 'k6/execution';
import { Trend } from 'k6/metrics';
import { lookAround, newCustomer, newProduct, order, pay, setting, thresholds, waitFor } from './lib/shop.js';

const seconds = setting('SECONDS', 7200);
const rate = setting('RATE', 20);
const buyers = setting('BUYERS', 2);
const halves = [new Trend('first_half', true), new Trend('second_half', true)];
const arrivals = (each, exec_, vus) => ({
  executor: 'constant-arrival-rate',
  exec: exec_,
  rate: each,
  timeUnit: '1s',
  duration: `${seconds}s`,
  preAllocatedVUs: vus,
  maxVUs: vus * 10,
  gracefulStop: '40s',
});

export const options = {
  scenarios: { visitors: arrivals(rate, 'visit', Math.max(10, rate)), customers: arrivals(buyers, 'buy', Math.max(10, buyers * 5)) },
  thresholds: thresholds(300, {
    dropped_iterations: ['count==0'],
    first_half: [`p(95)<${setting('P95_MS', 1500)}`],
    second_half: [`p(95)<${setting('P95_MS', 1500)}`],
  }),
};

export function setup() {
  return { product: newProduct('Everyday bowl', 10000000) };
}

const timed = (work) => {
  const started = Date.now();
  work();
  halves[exec.scenario.progress < 0.5 ? 0 : 1].add(Date.now() - started);
};

export function visit() {
  timed(lookAround);
}

export function buy(shop) {
  const token = newCustomer(`soak-${__VU}`);
  const placed = order(token, [shop.product], `soak-${__VU}-${__ITER}-${Date.now()}`);
  if (!check(placed, { 'order: confirmed': (r) => r.status === 201 })) return;
  check(pay(placed), { 'payment: taken': (r) => r.status === 200 });
  check(waitFor(token, placed.json('id'), ['paid']), { 'order: paid': (s) => s === 'paid' });
}
