//! Stripe's books against the shop's: object by object, and order by order.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use pg::audit::Tally;
use serde_json::Value;

use super::buyers::Memory;
use super::outside::Stripe;
use super::people::Person;
use super::promises::Ended;
use super::refunds::SentBack;

/// What Stripe did for one order.
#[derive(Debug, Default)]
struct OfOrder {
    /// What its intents received.
    taken: i64,
    /// How many charges succeeded.
    charges: u32,
    /// How much of them went back.
    back: i64,
    /// How much went back and came again: what refunds that failed were of.
    returned: i64,
    /// How much banks have taken, and not given back.
    with_banks: i64,
    /// Its intents that were cancelled.
    cancelled: u32,
    /// Its disputes, by how they stand.
    disputes: Vec<String>,
}

/// What one object moved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Moved {
    order: i64,
    /// What came, less what went, in minor units.
    minor: i64,
    /// What Stripe kept of it for a dispute.
    fee: i64,
}

/// What Stripe's books say.
pub(super) struct Money {
    orders: HashMap<i64, OfOrder>,
    /// What each intent, refund and dispute moved.
    moved: BTreeMap<String, Moved>,
    /// How many objects there are, by what they are and how they stand.
    pub(super) objects: BTreeMap<String, u32>,
}

impl Money {
    /// Reads all of them.
    pub(super) async fn of(stripe: &Stripe) -> Result<Self, String> {
        let mut money = Self {
            orders: HashMap::new(),
            moved: BTreeMap::new(),
            objects: BTreeMap::new(),
        };
        // What each object's order is, and by which name our ledger knows it.
        let mut known: HashMap<String, (i64, String)> = HashMap::new();
        for intent in stripe.all("payment_intents").await? {
            let order = text(&intent, "/metadata/order_id").parse().unwrap_or_default();
            let of_order = money.orders.entry(order).or_default();
            of_order.taken += number(&intent, "/amount_received");
            of_order.cancelled += u32::from(text(&intent, "/status") == "canceled");
            money.count("payment intents", &intent);
            let id = text(&intent, "/id");
            known.insert(id.clone(), (order, id));
        }
        for charge in stripe.all("charges").await? {
            let named = known.get(&text(&charge, "/payment_intent"));
            let (order, intent) = named.cloned().unwrap_or_default();
            if text(&charge, "/status") == "succeeded" {
                let of_order = money.orders.entry(order).or_default();
                of_order.charges += 1;
                of_order.back += number(&charge, "/amount_refunded");
            }
            known.insert(text(&charge, "/id"), (order, intent));
        }
        for list in ["refunds", "disputes"] {
            for object in stripe.all(list).await? {
                let named = known.get(&text(&object, "/payment_intent"));
                let order = named.map_or(0, |(order, _)| *order);
                let id = text(&object, "/id");
                known.insert(id.clone(), (order, id));
                money.count(list, &object);
                let (of_order, status) = (money.orders.entry(order).or_default(), text(&object, "/status"));
                match list {
                    "disputes" => of_order.disputes.push(status),
                    _ if matches!(status.as_str(), "failed" | "canceled") => {
                        of_order.returned += number(&object, "/amount");
                    }
                    _ => {}
                }
            }
        }
        for moved in stripe.all("balance_transactions").await? {
            let of_dispute = text(&moved, "/type") == "adjustment";
            let (order, object) = known.get(&text(&moved, "/source")).cloned().unwrap_or_default();
            let entry = money.moved.entry(object).or_default();
            entry.order = order;
            entry.minor += number(&moved, "/amount");
            if of_dispute {
                entry.fee += number(&moved, "/fee");
                money.orders.entry(order).or_default().with_banks -= number(&moved, "/amount");
            }
        }
        Ok(money)
    }

    fn count(&mut self, what: &str, object: &Value) {
        let entry = self.objects.entry(format!("{what} {}", text(object, "/status")));
        *entry.or_default() += 1;
    }

    /// Nothing is charged twice.
    pub(super) fn charges(&self, orders: &HashMap<i64, Ended>) -> Tally {
        let mut tally = Tally::default();
        for (order, of_order) in self.orders.iter().filter(|(_, o)| o.taken > 0 || o.charges > 0) {
            let (charges, sum) = (of_order.charges, of_order.taken);
            let costs = orders.get(order).map_or(0, |o| o.total_minor);
            let wrong = charges != 1 || sum != costs;
            tally.note(wrong.then(|| format!("order {order} costs {costs}: {charges} charges took {sum}")));
        }
        tally
    }

    /// What is left of each order's money is what its status says, and what went back what somebody was told.
    pub(super) fn kept(&self, memories: &[Memory], orders: &HashMap<i64, Ended>) -> Tally {
        let (mut tally, none, nothing) = (Tally::default(), OfOrder::default(), SentBack::default());
        let told = memories.iter().filter_map(|m| Some((m.order?, &m.sent_back)));
        let told: HashMap<i64, &SentBack> = told.collect();
        for (id, order) in orders {
            let of_order = self.orders.get(id).unwrap_or(&none);
            let told = told.get(id).copied().unwrap_or(&nothing);
            let OfOrder {
                taken,
                back,
                returned,
                with_banks,
                cancelled,
                ..
            } = *of_order;
            // Nobody can keep a refund from failing later: then the money waits for a person.
            let again = (1..=returned).contains(&(taken - back - with_banks));
            let fits = match order.status.as_str() {
                "cancelled" => taken == back + with_banks || again,
                "refunded" => (taken == back || again) && taken > 0,
                "confirmed" | "pending" => taken == 0 && cancelled == 0,
                _ => taken == order.total_minor && back < taken && told.fits(taken, back + returned, back),
            };
            tally.note((!fits).then(|| {
                format!(
                    "order {id} is {}: Stripe took {taken}, {back} went back, {returned} did so and came again, banks have \
                     {with_banks}; {cancelled} intents are cancelled; of refunds was told {told:?}",
                    order.status
                )
            }));
        }
        let charged = memories.iter().filter(|m| m.charged).filter_map(|m| m.order);
        for order in charged.filter(|order| self.orders.get(order).is_none_or(|o| o.taken == 0)) {
            tally.note(Some(format!(
                "Stripe said that order {order} was paid, and knows nothing of it"
            )));
        }
        tally
    }

    /// The orders that are disputed, and how their disputes stand.
    pub(super) fn disputed(&self) -> impl Iterator<Item = (i64, String)> {
        let disputed = self.orders.iter().filter(|(_, o)| !o.disputes.is_empty());
        disputed.map(|(id, of_order)| (*id, of_order.disputes.join(", ")))
    }

    /// Each object moved in our ledger what it moved on Stripe's balance, for the same order: nothing is there twice,
    /// and nothing is lost.
    pub(super) async fn posted(&self, admin: &Person) -> Result<Tally, String> {
        Ok(compare(&self.moved, &ledger(admin).await?))
    }
}

fn compare(stripe: &BTreeMap<String, Moved>, ours: &BTreeMap<String, Moved>) -> Tally {
    let mut tally = Tally::default();
    // What came and went again altogether may never have been seen here.
    let nothing = |moved: &Moved| moved.minor == 0 && moved.fee == 0;
    let names: BTreeSet<&String> = stripe.keys().chain(ours.keys()).collect();
    for name in names {
        let theirs = stripe.get(name).copied().unwrap_or_default();
        let posted = ours.get(name).copied().unwrap_or_default();
        let fits = theirs == posted || nothing(&theirs) && nothing(&posted);
        tally.note((!fits).then(|| {
            format!(
                "{name}: {} of order {} moved at Stripe with a fee of {}, and {} of order {} here with {}",
                theirs.minor, theirs.order, theirs.fee, posted.minor, posted.order, posted.fee
            )
        }));
    }
    tally
}

/// What each object moved in the ledger.
async fn ledger(admin: &Person) -> Result<BTreeMap<String, Moved>, String> {
    let (mut moved, first) = (
        BTreeMap::<String, Moved>::new(),
        "/api/admin/ledger?limit=100".to_owned(),
    );
    let mut path = first.clone();
    loop {
        let page = admin.call("GET", &path, None, "").await?;
        if page.status != 200 {
            return Err(format!("the ledger cannot be read: {}", page.body));
        }
        for entry in page.list("/entries") {
            let of_object = moved.entry(text(&entry, "/objectId")).or_default();
            of_object.order = number(&entry, "/orderId");
            let lines = entry.pointer("/lines").and_then(Value::as_array);
            for line in lines.into_iter().flatten() {
                let side = |side: &str| match text(line, side).as_str() {
                    "" => 0,
                    amount => minor(amount),
                };
                let amount = side("/debit") - side("/credit");
                match text(line, "/account").as_str() {
                    "provider" => of_object.minor += amount,
                    "provider_fees" => of_object.fee -= amount,
                    _ => {}
                }
            }
        }
        let cursor = page.text("/pagination/nextCursor");
        if cursor.is_empty() {
            return Ok(moved);
        }
        path = format!("{first}&cursor={cursor}");
    }
}

/// An amount with two decimals in minor units; -1 if it is none.
pub(super) fn minor(amount: &str) -> i64 {
    amount.replace('.', "").parse().unwrap_or(-1)
}

/// A member as text; empty if it is not there.
pub(super) fn text(value: &Value, pointer: &str) -> String {
    let found = value.pointer(pointer).and_then(Value::as_str);
    found.unwrap_or_default().to_owned()
}

/// A member as a number; 0 if it is not there.
pub(super) fn number(value: &Value, pointer: &str) -> i64 {
    value.pointer(pointer).and_then(Value::as_i64).unwrap_or_default()
}

#[cfg(test)]
impl Money {
    fn of_order(id: i64, of_order: OfOrder) -> Self {
        Self {
            orders: HashMap::from([(id, of_order)]),
            moved: BTreeMap::new(),
            objects: BTreeMap::new(),
        }
    }

    /// Books of one order that is disputed.
    pub(super) fn disputed_as(order: i64, status: &str) -> Self {
        let disputes = vec![status.to_owned()];
        Self::of_order(
            order,
            OfOrder {
                disputes,
                ..OfOrder::default()
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::http::Answer;
    use super::*;

    fn money(of_order: OfOrder) -> Money {
        Money::of_order(7, of_order)
    }

    fn order(status: &str) -> HashMap<i64, Ended> {
        let ended = Ended {
            status: status.to_owned(),
            total_minor: 1_800,
            ..Ended::default()
        };
        HashMap::from([(7, ended)])
    }

    fn taken(taken: i64, charges: u32, back: i64, with_banks: i64) -> OfOrder {
        OfOrder {
            taken,
            charges,
            back,
            with_banks,
            ..OfOrder::default()
        }
    }

    #[test]
    fn what_is_charged_twice_or_otherwise_than_it_costs_is_found() {
        for (of_order, broken) in [
            (taken(1_800, 1, 0, 0), 0),
            (taken(3_600, 2, 1_800, 0), 1),
            (taken(1_800, 2, 0, 0), 1),
            (taken(1_799, 1, 0, 0), 1),
        ] {
            assert_eq!(money(of_order).charges(&order("paid")).broken, broken);
        }
    }

    #[test]
    fn money_that_is_kept_or_lost_against_what_the_order_says_is_found() {
        let cancelled = OfOrder {
            cancelled: 1,
            ..OfOrder::default()
        };
        let came_back = |back, returned| OfOrder {
            returned,
            ..taken(1_800, 1, back, 0)
        };
        for (status, of_order, broken) in [
            ("refunded", came_back(0, 1_800), 0),
            ("refunded", came_back(1_000, 800), 0),
            ("refunded", came_back(1_000, 799), 1),
            ("refunded", came_back(1_800, 1_800), 0),
            ("cancelled", came_back(0, 1_800), 0),
            ("cancelled", came_back(0, 1_799), 1),
            ("shipped", came_back(1_800, 1_800), 1),
            ("paid", taken(1_800, 1, 0, 1_800), 0),
            ("delivered", taken(1_799, 1, 0, 0), 1),
            ("shipped", taken(1_800, 1, 1_800, 0), 1),
            ("refunded", taken(1_800, 1, 1_800, 0), 0),
            ("refunded", taken(1_800, 1, 1_799, 0), 1),
            ("cancelled", taken(1_800, 1, 0, 1_800), 0),
            ("cancelled", taken(1_800, 1, 0, 0), 1),
            ("cancelled", taken(1_800, 1, 1_800, 1_800), 1),
            ("confirmed", taken(1_800, 1, 0, 0), 1),
            ("confirmed", cancelled, 1),
        ] {
            let tally = money(of_order).kept(&[], &order(status));
            assert_eq!(tally.broken, broken, "{status}: {tally:?}");
        }
        let remembers = Memory {
            order: Some(7),
            charged: true,
            ..Memory::default()
        };
        assert_eq!(
            money(OfOrder::default())
                .kept(&[remembers], &order("cancelled"))
                .broken,
            1
        );
    }

    // PAY-12, PAY-13
    #[test]
    fn a_part_that_went_back_twice_or_not_or_for_nobody_is_found() {
        let mut remembers = Memory {
            order: Some(7),
            charged: true,
            ..Memory::default()
        };
        let answer = Answer {
            status: 200,
            body: json!({"amount": "1.50", "status": "succeeded"}),
        };
        assert_eq!(remembers.sent_back.told(Some(150), Ok(answer)), Ok(true));
        let remembers = [remembers];
        for (memories, back, broken) in [
            (&remembers[..], 150, 0),
            (&remembers[..], 300, 1),
            (&remembers[..], 0, 1),
            (&[], 150, 1),
            (&[], 0, 0),
        ] {
            for status in ["paid", "processing", "shipped", "delivered"] {
                let tally = money(taken(1_800, 1, back, 0)).kept(memories, &order(status));
                assert_eq!(tally.broken, broken, "{status}, {back}: {tally:?}");
            }
        }
    }

    #[test]
    fn an_object_that_is_missing_doubled_or_of_another_order_is_found() {
        let entry = |name: &str, order, minor, fee| (name.to_owned(), Moved { order, minor, fee });
        let stripe = BTreeMap::from([
            entry("pi_1", 7, 1_800, 0),
            entry("re_1", 7, -150, 0),
            entry("re_failed", 7, 0, 0),
            entry("du_1", 7, -1_650, 1_500),
        ]);
        let right = BTreeMap::from([
            entry("pi_1", 7, 1_800, 0),
            entry("re_1", 7, -150, 0),
            entry("du_1", 7, -1_650, 1_500),
        ]);
        assert_eq!(compare(&stripe, &right).broken, 0);
        for (name, moved) in [
            entry("pi_1", 7, 3_600, 0),
            entry("pi_1", 8, 1_800, 0),
            entry("re_1", 7, 0, 0),
            entry("re_2", 7, -150, 0),
            entry("du_1", 7, -1_650, 0),
        ] {
            let mut wrong = right.clone();
            wrong.insert(name.clone(), moved);
            assert_eq!(compare(&stripe, &wrong).broken, 1, "{name}");
        }
    }
}
