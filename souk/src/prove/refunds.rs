//! What was sent back of an order's money, as those who sent it were told: here, and in Stripe's dashboard.

use super::http::Answer;
use super::money::minor;

/// What they were told, in minor units.
#[derive(Clone, Debug, Default)]
pub(super) struct SentBack {
    /// Answered as sent.
    sent: i64,
    /// Never answered clearly: sent once, or not at all.
    perhaps: i64,
    /// The same of all that was left.
    perhaps_all: bool,
    /// The payer's bank sends all of it back to the shop.
    pub(super) returned: bool,
}

impl SentBack {
    /// Notes what was answered to whoever wanted so much to be sent back, `None` being all that was left; whether it was
    /// answered as sent.
    pub(super) fn told(
        &mut self,
        asked: Option<i64>,
        answer: Result<Answer, String>,
    ) -> Result<bool, String> {
        let answer = match answer {
            Ok(answer) if answer.status == 200 => answer,
            Ok(_) => return Ok(false),
            Err(unanswered) => {
                match asked {
                    Some(part) => self.perhaps += part,
                    None => self.perhaps_all = true,
                }
                return Err(unanswered);
            }
        };
        let amount = asked.unwrap_or_else(|| amount(&answer));
        let sent = !matches!(answer.text("/status").as_str(), "failed" | "canceled");
        if sent {
            self.sent += amount;
        } else if self.returned {
            // It was never made, or the bank has returned it already.
            self.perhaps += amount;
        }
        Ok(sent)
    }

    /// Whether they were told what Stripe did, which took `taken`, whose refunds came to `sent`, and which gave `back` to the
    /// payer for good.
    pub(super) fn fits(&self, taken: i64, sent: i64, back: i64) -> bool {
        // What came again is there to be sent anew.
        let with_all = if self.returned { self.sent + taken } else { taken };
        let told =
            sent == self.sent || sent == self.sent + self.perhaps || self.perhaps_all && sent == with_all;
        told && back == if self.returned { 0 } else { sent }
    }
}

/// The shop writes amounts as text, Stripe as numbers.
fn amount(answer: &Answer) -> i64 {
    let number = answer.number("/amount");
    number.unwrap_or_else(|| minor(&answer.text("/amount")))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn answer(status: u16, body: Value) -> Result<Answer, String> {
        Ok(Answer { status, body })
    }

    #[test]
    fn what_was_answered_as_sent_went_back_once_and_what_was_not_answered_at_most_once() {
        let ours = |status: &str| answer(200, json!({"amount": "1.50", "status": status}));
        let refused = || answer(409, json!({"code": "refund-too-large"}));
        let silence = || Err("no answer in time".to_owned());
        let (part, all) = (Some(150), None);
        for (asked, answered, returned, sent, back, fits) in [
            (part, ours("succeeded"), false, 150, 150, true),
            (part, ours("pending"), false, 150, 150, true),
            (part, ours("succeeded"), false, 300, 300, false),
            (part, ours("succeeded"), false, 0, 0, false),
            (part, ours("succeeded"), false, 150, 0, false),
            (part, ours("failed"), false, 0, 0, true),
            (part, ours("failed"), false, 150, 150, false),
            (part, refused(), false, 0, 0, true),
            (part, refused(), false, 150, 150, false),
            (part, silence(), false, 0, 0, true),
            (part, silence(), false, 150, 150, true),
            (part, silence(), false, 300, 300, false),
            (all, silence(), false, 0, 0, true),
            (all, silence(), false, 1_800, 1_800, true),
            (all, silence(), false, 150, 150, false),
            (all, silence(), false, 3_600, 3_600, false),
            (all, silence(), true, 0, 0, true),
            (all, silence(), true, 1_800, 0, true),
            (all, silence(), true, 150, 0, false),
            (all, silence(), true, 3_600, 0, false),
            (part, ours("succeeded"), true, 150, 0, true),
            (part, ours("succeeded"), true, 300, 0, false),
            (part, ours("succeeded"), true, 150, 150, false),
            (part, ours("failed"), true, 150, 0, true),
            (part, ours("failed"), true, 300, 0, false),
            (all, ours("failed"), true, 150, 0, true),
            // What is asked for is what counts, and the answer where all was asked for.
            (part, answer(200, json!({"amount": 300})), false, 300, 300, false),
            (
                all,
                answer(200, json!({"amount": 1_800})),
                false,
                1_800,
                1_800,
                true,
            ),
            (all, answer(200, json!({"amount": "18.00"})), false, 0, 0, false),
        ] {
            let mut told = SentBack {
                returned,
                ..SentBack::default()
            };
            let what = format!("{answered:?}, {returned}: {sent}, {back}");
            drop(told.told(asked, answered));
            assert_eq!(told.fits(1_800, sent, back), fits, "{what}");
        }
        let mut two = SentBack::default();
        for part in [120, 35] {
            assert_eq!(
                two.told(Some(part), answer(200, json!({"amount": part}))),
                Ok(true)
            );
        }
        assert_eq!(two.told(all, refused()), Ok(false));
        assert_eq!(two.told(all, ours("failed")), Ok(false));
        let fits = |told: &SentBack, sent| told.fits(1_800, sent, sent);
        assert!(fits(&two, 155) && !fits(&two, 120) && !fits(&SentBack::default(), 155));
        // All that was left, which is no more than that.
        assert!(two.told(all, silence()).is_err());
        assert!(fits(&two, 155) && fits(&two, 1_800) && !fits(&two, 1_955));
    }
}
