// Stripe's own client for Node drives the sandbox: what it takes for Stripe's is Stripe's.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import Stripe from "stripe";
import { KEY, WEBHOOK_SECRET, start } from "./sandbox.mjs";

let sandbox;
let stripe;

const client = (key, options) =>
  new Stripe(key, { host: "127.0.0.1", port: sandbox.port, protocol: "http", telemetry: false, ...options });

const paid = (payment_method = "pm_card_visa", more = {}) =>
  stripe.paymentIntents.create({ amount: 2000, currency: "usd", payment_method, confirm: true,
    payment_method_types: ["card"], ...more });

before(async () => {
  sandbox = await start();
  stripe = client(KEY, { maxNetworkRetries: 0 });
});
after(() => sandbox.stop());

test("an intent is created, confirmed and retrieved", async () => {
  const made = await stripe.paymentIntents.create({ amount: 2000, currency: "usd", metadata: { order_id: "7" } });
  assert.equal(made.status, "requires_payment_method");
  assert.match(made.client_secret, /^pi_\w+_secret_\w+$/);
  const confirmed = await stripe.paymentIntents.confirm(made.id, { payment_method: "pm_card_visa" });
  assert.equal(confirmed.status, "succeeded");
  const again = await stripe.paymentIntents.retrieve(made.id, { expand: ["latest_charge.balance_transaction"] });
  assert.equal(again.metadata.order_id, "7");
  assert.equal(again.latest_charge.balance_transaction.fee, 88);
  assert.match(again.lastResponse.requestId, /^req_/);
});

test("an open intent is cancelled, a paid one is not", async () => {
  const made = await stripe.paymentIntents.create({ amount: 2000, currency: "usd" });
  const cancelled = await stripe.paymentIntents.cancel(made.id, { cancellation_reason: "abandoned" });
  assert.equal(cancelled.status, "canceled");
  const { id } = await paid();
  await assert.rejects(stripe.paymentIntents.cancel(id), {
    type: "StripeInvalidRequestError", code: "payment_intent_unexpected_state",
  });
});

test("a declined card is a StripeCardError that says why", async () => {
  for (const [card, code, decline_code] of [
    ["pm_card_chargeDeclined", "card_declined", "generic_decline"],
    ["pm_card_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds"],
    ["pm_card_chargeDeclinedExpiredCard", "expired_card", "expired_card"],
  ]) {
    await assert.rejects(paid(card), (error) => {
      assert.ok(error instanceof Stripe.errors.StripeCardError, error.type);
      assert.equal(error.code, code);
      assert.equal(error.decline_code, decline_code);
      assert.equal(error.payment_intent.status, "requires_payment_method");
      return true;
    });
  }
});

test("3-D Secure waits for the payer", async () => {
  const made = await paid("pm_card_threeDSecure2Required", { return_url: "https://shop.example/back" });
  assert.equal(made.status, "requires_action");
  assert.equal(made.next_action.type, "redirect_to_url");
  await sandbox.control(`payment_intents/${made.id}/authenticate`, { outcome: "succeeded" });
  assert.equal((await stripe.paymentIntents.retrieve(made.id)).status, "succeeded");
});

test("refunds give back what was paid and no more", async () => {
  const { id, latest_charge } = await paid();
  const part = await stripe.refunds.create({ payment_intent: id, amount: 500, reason: "requested_by_customer" });
  assert.equal(part.status, "succeeded");
  await assert.rejects(stripe.refunds.create({ payment_intent: id, amount: 1501 }), {
    type: "StripeInvalidRequestError", param: "amount",
  });
  await stripe.refunds.create({ charge: latest_charge });
  await assert.rejects(stripe.refunds.create({ payment_intent: id }), { code: "charge_already_refunded" });
  const list = await stripe.refunds.list({ payment_intent: id }).autoPagingToArray({ limit: 10 });
  assert.deepEqual(list.map((refund) => refund.amount), [1500, 500]);
  assert.equal((await stripe.charges.retrieve(latest_charge)).refunded, true);
});

test("lists are paged through by themselves, also in a window of time", async () => {
  await sandbox.control("clock/advance", { seconds: 3600 });
  const made = [];
  for (let n = 0; n < 5; n += 1) made.unshift((await paid()).id);
  const created = { gte: (await stripe.paymentIntents.retrieve(made.at(-1))).created };
  const seen = [];
  for await (const intent of stripe.paymentIntents.list({ limit: 2, created })) seen.push(intent.id);
  assert.deepEqual(seen, made);
  const none = await stripe.paymentIntents.list({ created: { lt: created.gte - 86400 } });
  assert.equal(none.data.length, 0);
});

test("a key gives the same answer again and takes no other parameters", async () => {
  const make = (amount, idempotencyKey) =>
    stripe.paymentIntents.create({ amount, currency: "usd" }, { idempotencyKey });
  const first = await make(2000, "of-the-client");
  const again = await make(2000, "of-the-client");
  assert.equal(again.id, first.id);
  assert.equal(again.lastResponse.headers["idempotent-replayed"], "true");
  await assert.rejects(make(3000, "of-the-client"), { type: "StripeIdempotencyError" });
});

test("a dispute is found, answered and won", async () => {
  const { id } = await paid("pm_card_createDispute");
  await sandbox.control("clock/advance", { seconds: 60 });
  const [dispute] = (await stripe.disputes.list({ payment_intent: id })).data;
  assert.equal(dispute.status, "needs_response");
  await assert.rejects(stripe.refunds.create({ payment_intent: id }), { code: "charge_disputed" });
  const said = await stripe.disputes.update(dispute.id, { evidence: { uncategorized_text: "winning_evidence" } });
  assert.equal(said.status, "under_review");
  await sandbox.control("clock/advance", { seconds: 60 });
  const won = await stripe.disputes.retrieve(dispute.id, { expand: ["charge"] });
  assert.equal(won.status, "won");
  assert.equal(won.charge.disputed, true);
  const moved = await stripe.balanceTransactions.list({ source: dispute.id });
  assert.deepEqual(moved.data.map(({ net }) => net), [2000, -3500]);
});

test("a dispute is given in", async () => {
  const { latest_charge } = await paid();
  const dispute = await sandbox.control(`charges/${latest_charge}/dispute`, { reason: "product_not_received" });
  assert.equal((await stripe.disputes.close(dispute.id)).status, "lost");
});

test("webhooks are signed so that constructEvent believes them, and nothing else", async () => {
  const { id } = await paid();
  const { body, signature } = await sandbox.delivery(
    (event) => event.type === "payment_intent.succeeded" && event.data.object.id === id,
  );
  const event = stripe.webhooks.constructEvent(body, signature, WEBHOOK_SECRET);
  assert.equal(event.data.object.amount_received, 2000);
  const read = await stripe.events.retrieve(event.id);
  assert.equal(read.type, event.type);
  const forged = { type: "StripeSignatureVerificationError" };
  assert.throws(() => stripe.webhooks.constructEvent(`${body} `, signature, WEBHOOK_SECRET), forged);
  assert.throws(() => stripe.webhooks.constructEvent(body, signature, "whsec_other"), forged);
});

test("whatever there is can be listed, read and described", async () => {
  const { id, latest_charge } = await paid("pm_card_refundFail", { description: "A pair of shoes" });
  const updated = await stripe.paymentIntents.update(id, { metadata: { note: "x" }, receipt_email: "a@example.com" });
  assert.equal(updated.metadata.note, "x");
  const refund = await stripe.refunds.create({ charge: latest_charge, amount: 700 });
  await sandbox.control("clock/advance", { seconds: 60 });
  const failed = await stripe.refunds.retrieve(refund.id, { expand: ["failure_balance_transaction"] });
  assert.equal(failed.status, "failed");
  assert.equal(failed.failure_balance_transaction.net, 700);
  assert.equal((await stripe.refunds.update(refund.id, { metadata: { seen: "1" } })).metadata.seen, "1");
  const moved = await stripe.balanceTransactions.retrieve(failed.failure_balance_transaction.id);
  assert.equal(moved.type, "refund_failure");
  assert.equal((await stripe.charges.list({ payment_intent: id })).data.length, 1);
  const events = await stripe.events.list({ limit: 50 }).autoPagingToArray({ limit: 500 });
  const kinds = new Set(events.map(({ type }) => type));
  for (const kind of ["payment_intent.requires_action", "payment_intent.payment_failed", "payment_intent.canceled",
    "charge.failed", "charge.refunded", "refund.failed", "charge.dispute.funds_reinstated"]) {
    assert.ok(kinds.has(kind), kind);
  }
  const some = await stripe.events.list({ types: ["refund.failed", "refund.created"] });
  assert.ok(some.data.every(({ type }) => type.startsWith("refund.")));
});

test("each way to fail has its class", async () => {
  await assert.rejects(client("sk_test_wrong").paymentIntents.list(), { type: "StripeAuthenticationError" });
  await assert.rejects(stripe.paymentIntents.retrieve("pi_nothing"), {
    type: "StripeInvalidRequestError", code: "resource_missing", statusCode: 404,
  });
  await assert.rejects(stripe.paymentIntents.create({ amount: 2000, currency: "usd", amuont: 1 }), {
    code: "parameter_unknown",
  });
  for (const [rule, type] of [
    [{ do: "status", status: 429 }, "StripeRateLimitError"],
    [{ do: "status", status: 500 }, "StripeAPIError"],
    // Where a connection breaks, the client tries once more of its own accord.
    [{ do: "cut", count: 2 }, "StripeConnectionError"],
    [{ do: "hang", ms: 1, count: 2 }, "StripeConnectionError"],
  ]) {
    await sandbox.fault({ on: "request", count: 1, ...rule });
    await assert.rejects(paid(), { type });
  }
});

test("an answer that was lost after the work is asked for again by the client, and nothing is done twice", async () => {
  const patient = client(KEY, { maxNetworkRetries: 2 });
  const before = (await patient.paymentIntents.list({ limit: 100 })).data.length;
  await sandbox.fault({ on: "request", do: "cut", after: true, count: 1 });
  const made = await patient.paymentIntents.create({ amount: 4711, currency: "usd" });
  assert.equal(made.amount, 4711);
  assert.equal((await patient.paymentIntents.list({ limit: 100 })).data.length, before + 1);
});
