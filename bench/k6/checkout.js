// Customers who sign up, look around, order and pay; one in five first with a card that is declined. VUS customers at a time
// for SECONDS. Every order is placed twice under one key, and must be one order.
import { check } from 'k6';
import { Counter, Trend } from 'k6/metrics';
import { lookAround, newCustomer, newProduct, order, pay, setting, thresholds, waitFor } from './lib/shop.js';

const paid = new Counter('orders_paid');
const took = new Trend('checkout_to_paid', true);

export const options = {
  scenarios: {
    checkout: { executor: 'constant-vus', vus: setting('VUS', 20), duration: `${setting('SECONDS', 60)}s`, gracefulStop: '40s' },
  },
  thresholds: thresholds(200, {
    orders_paid: ['count>0'],
    'http_req_duration{kind:order}': [`p(95)<${setting('P95_MS', 500)}`],
    checkout_to_paid: [`p(95)<${setting('PAID_MS', 5000)}`],
  }),
};

export function setup() {
  return { products: [newProduct('Load kettle', 1000000), newProduct('Load cup', 1000000)] };
}

export default function (shop) {
  const token = newCustomer(`buyer-${__VU}`);
  lookAround();
  const key = `k6-${__VU}-${__ITER}-${Date.now()}`;
  const started = Date.now();
  const placed = order(token, shop.products, key);
  if (!check(placed, { 'order: confirmed': (r) => r.status === 201 })) {
    console.error(`an order was answered with ${placed.status}: ${placed.body}`);
    return;
  }
  const again = order(token, shop.products, key);
  check(again, { 'the same key: the same order': (r) => r.status === 201 && r.json('id') === placed.json('id') });
  if (__ITER % 5 === 4) {
    check(pay(placed, 'pm_card_chargeDeclined'), { 'a declined card: told so': (r) => r.status === 402 });
  }
  check(pay(placed), { 'payment: taken': (r) => r.status === 200 });
  const status = waitFor(token, placed.json('id'), ['paid']);
  check(status, { 'order: paid': (s) => s === 'paid' });
  if (status === 'paid') {
    paid.add(1);
    took.add(Date.now() - started);
  }
}
