//! Disputes: what an order says of its own, and whether it is held back meanwhile.

use std::collections::HashMap;

use pg::audit::Tally;
use serde_json::json;

use super::buyers::Memory;
use super::http::Answer;
use super::money::Money;
use super::people::Person;
use super::promises::Ended;

/// Tries to send each order on its way that its dispute holds back; what was answered, by order.
pub(super) async fn try_to_ship(
    admin: &Person,
    money: &Money,
    orders: &HashMap<i64, Ended>,
) -> Result<HashMap<i64, Answer>, String> {
    let mut answers = HashMap::new();
    for (order, next) in held_back(money, orders) {
        let path = format!("/api/orders/{order}/status");
        let body = json!({"status": next});
        answers.insert(order, admin.call("PUT", &path, Some(&body), "").await?);
    }
    Ok(answers)
}

/// The orders that a dispute holds back, and where they would go next.
fn held_back(money: &Money, orders: &HashMap<i64, Ended>) -> Vec<(i64, &'static str)> {
    let next = |(id, theirs): (i64, String)| {
        let order = orders.get(&id).filter(|order| order.dispute == theirs)?;
        let ended = matches!(theirs.as_str(), "won" | "warning_closed");
        match order.status.as_str() {
            "paid" if !ended => Some((id, "processing")),
            "processing" if !ended => Some((id, "shipped")),
            _ => None,
        }
    };
    money.disputed().filter_map(next).collect()
}

/// An order says of its dispute what Stripe says, and is not shipped while it runs; `answers` are those of
/// [`try_to_ship`].
pub(super) fn told(
    money: &Money,
    memories: &[Memory],
    orders: &HashMap<i64, Ended>,
    answers: &HashMap<i64, Answer>,
) -> Tally {
    let mut tally = Tally::default();
    for (id, theirs) in money.disputed() {
        tally.note(match (orders.get(&id), answers.get(&id)) {
            (None, _) => Some(format!("order {id} is disputed and gone")),
            (Some(order), _) if order.dispute != theirs => Some(format!(
                "the dispute of order {id} is {theirs} at Stripe and {:?} here",
                order.dispute
            )),
            (Some(_), Some(answer)) => shipped(id, answer),
            (Some(_), None) => None,
        });
    }
    for memory in memories {
        if let (Some(order), Some(dispute)) = (memory.order, &memory.shipped_in_dispute) {
            tally.note(Some(format!(
                "order {order} went on its way though it said that its dispute is {dispute}"
            )));
        }
    }
    tally
}

/// What is wrong if a disputed order was not refused for this.
fn shipped(order: i64, answer: &Answer) -> Option<String> {
    let refused = answer.status == 409 && answer.text("/code") == "order-disputed";
    (!refused).then(|| {
        format!(
            "order {order} is disputed, and to send it on was answered {} {}",
            answer.status, answer.body
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn orders(status: &str, dispute: &str) -> HashMap<i64, Ended> {
        let ended = Ended {
            status: status.to_owned(),
            dispute: dispute.to_owned(),
            ..Ended::default()
        };
        HashMap::from([(7, ended)])
    }

    fn answers(status: u16, code: &str) -> HashMap<i64, Answer> {
        let body = json!({"code": code});
        HashMap::from([(7, Answer { status, body })])
    }

    // PAY-15
    #[test]
    fn a_dispute_that_is_told_otherwise_or_does_not_keep_an_order_from_leaving_is_found() {
        let open = Money::disputed_as(7, "needs_response");
        let here = || orders("paid", "needs_response");
        let refused = || answers(409, "order-disputed");
        for (orders, answers, broken) in [
            (here(), refused(), 0),
            (orders("cancelled", "needs_response"), HashMap::new(), 0),
            (orders("paid", ""), HashMap::new(), 1),
            (orders("paid", "won"), HashMap::new(), 1),
            (HashMap::new(), HashMap::new(), 1),
            (here(), answers(200, ""), 1),
            (here(), answers(409, "illegal-transition"), 1),
        ] {
            let tally = told(&open, &[], &orders, &answers);
            assert_eq!((tally.checked, tally.broken), (1, broken), "{tally:?}");
        }
        let shipped = Memory {
            order: Some(7),
            shipped_in_dispute: Some("needs_response".to_owned()),
            ..Memory::default()
        };
        assert_eq!(told(&open, &[shipped], &here(), &refused()).broken, 1);
    }

    // PAY-15
    #[test]
    fn whoever_may_not_leave_is_asked_to() {
        for (dispute, status, next) in [
            ("needs_response", "paid", Some("processing")),
            ("lost", "processing", Some("shipped")),
            ("needs_response", "shipped", None),
            ("won", "paid", None),
            ("warning_closed", "processing", None),
        ] {
            let money = Money::disputed_as(7, dispute);
            let expected: Vec<_> = next.map(|next| (7, next)).into_iter().collect();
            assert_eq!(
                held_back(&money, &orders(status, dispute)),
                expected,
                "{dispute} {status}"
            );
        }
        let money = Money::disputed_as(7, "lost");
        assert_eq!(held_back(&money, &orders("paid", "")), [], "that is found anyway");
    }
}
