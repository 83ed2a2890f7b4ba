//! What happens to money without the shop: payers with their cards, banks, and people at Stripe's dashboard.

use serde_json::Value;

use super::http::{Answer, Http};
use super::people::PAUSE;

/// How often something is tried while Stripe gives no clear answer.
const TRIES: u32 = 100;
/// Pages are as long as they can be.
const PAGE: &str = "limit=100";

/// The stand-in for Stripe, as everybody but payment-service meets it.
pub(super) struct Stripe(pub(super) Http);

impl Stripe {
    /// Tries a card; how the intent stands then.
    pub(super) async fn confirm(&self, intent: &str, card: &str) -> Result<String, String> {
        let path = format!("/v1/payment_intents/{intent}/confirm");
        // A card that was tried twice, since the first answer was lost, is told that it had succeeded.
        let answer = self.ask(&path, &format!("payment_method={card}"), "").await?;
        Ok(state_of_intent(&answer))
    }

    /// Ends 3-D Secure; how the intent stands then.
    pub(super) async fn authenticate(&self, intent: &str, passed: bool) -> Result<String, String> {
        let path = format!("/_sandbox/payment_intents/{intent}/authenticate");
        let outcome = if passed { "succeeded" } else { "failed" };
        let answer = self.ask(&path, &format!("outcome={outcome}"), "").await?;
        Ok(state_of_intent(&answer))
    }

    /// Cancels an intent in the dashboard; how it stands then.
    pub(super) async fn cancel(&self, intent: &str) -> Result<String, String> {
        let path = format!("/v1/payment_intents/{intent}/cancel");
        let answer = self.ask(&path, "", "").await?;
        Ok(state_of_intent(&answer))
    }

    /// The next `count` times this intent cannot be cancelled.
    pub(super) async fn keeps(&self, intent: &str, count: u32) -> Result<(), String> {
        let path = format!("/v1/payment_intents/{intent}/cancel");
        self.rule(&format!(
            "on=request&path={path}&do=status&status=500&count={count}"
        ))
        .await
    }

    /// Sends money back in the dashboard, all that is left without an amount.
    pub(super) async fn refund(&self, intent: &str, minor: Option<i64>, key: &str) -> Result<Answer, String> {
        let amount = minor.map_or_else(String::new, |minor| format!("&amount={minor}"));
        self.ask("/v1/refunds", &format!("payment_intent={intent}{amount}"), key)
            .await
    }

    /// A bank disputes what is left of a payment, or only asks; the dispute, unless there was nothing left.
    pub(super) async fn dispute(
        &self,
        intent: &str,
        inquiry: bool,
        key: &str,
    ) -> Result<Option<String>, String> {
        let paid = self.look(&format!("/v1/payment_intents/{intent}")).await?;
        let path = format!("/_sandbox/charges/{}/dispute", paid.text("/latest_charge"));
        let answer = self.ask(&path, &format!("inquiry={inquiry}"), key).await?;
        Ok(Some(answer.text("/id")).filter(|_| answer.status == 200))
    }

    /// The bank decides; whether it did.
    pub(super) async fn decide(&self, dispute: &str, status: &str) -> Result<bool, String> {
        let path = format!("/_sandbox/disputes/{dispute}/close");
        let key = format!("{dispute}-close");
        let answer = self.ask(&path, &format!("status={status}"), &key).await?;
        Ok(answer.status == 200)
    }

    /// The bank takes the money that it had asked about; whether it did.
    pub(super) async fn escalate(&self, dispute: &str) -> Result<bool, String> {
        let path = format!("/_sandbox/disputes/{dispute}/escalate");
        let answer = self.ask(&path, "", &format!("{dispute}-escalate")).await?;
        Ok(answer.status == 200)
    }

    /// Has something go wrong.
    pub(super) async fn rule(&self, rule: &str) -> Result<(), String> {
        let answer = self.ask("/_sandbox/faults", rule, "").await?;
        match answer.status {
            200 => Ok(()),
            _ => Err(format!("{rule} was refused: {}", answer.body)),
        }
    }

    /// How many calls and events the rules have struck since Stripe was started.
    pub(super) async fn struck(&self) -> Result<i64, String> {
        let rules = self.look("/_sandbox/faults").await?.list("/data");
        let struck = |rule: &Value| rule.pointer("/struck").and_then(Value::as_i64);
        Ok(rules.iter().filter_map(struck).sum())
    }

    /// Nothing goes wrong any more.
    pub(super) async fn relent(&self) -> Result<(), String> {
        let send = self
            .0
            .send(http::Method::DELETE, "/_sandbox/faults", "", Vec::new().into());
        send.await.map(drop)
    }

    /// How many events wait to be delivered; those that do are sent at once.
    pub(super) async fn undelivered(&self) -> Result<i64, String> {
        self.ask("/_sandbox/webhooks/redeliver", "", "").await?;
        let waiting = self.look("/_sandbox/webhooks").await?;
        waiting
            .number("/pending")
            .ok_or_else(|| format!("Stripe's events cannot be counted: {}", waiting.body))
    }

    /// Time passes at Stripe: what banks do by themselves soon is done.
    pub(super) async fn wait(&self, seconds: u32) -> Result<(), String> {
        let form = format!("seconds={seconds}");
        self.ask("/_sandbox/clock/advance", &form, "").await.map(drop)
    }

    /// Everything in one of the lists.
    pub(super) async fn all(&self, list: &str) -> Result<Vec<Value>, String> {
        let (mut everything, mut path) = (Vec::new(), format!("/v1/{list}?{PAGE}"));
        loop {
            let page = self.look(&path).await?;
            let data = page.list("/data");
            let last = data.last().map(|item| super::money::text(item, "/id"));
            everything.extend(data);
            let more = page.body.pointer("/has_more").and_then(Value::as_bool);
            match last.filter(|_| more == Some(true)) {
                Some(last) => path = format!("/v1/{list}?{PAGE}&starting_after={last}"),
                None => return Ok(everything),
            }
        }
    }

    async fn look(&self, path: &str) -> Result<Answer, String> {
        let mut last = String::new();
        for _ in 0..TRIES {
            match self.0.get(path).await {
                Ok(answer) if answer.status == 200 => return Ok(answer),
                Ok(answer) => last = answer.status.to_string(),
                Err(error) => last = error,
            }
            tokio::time::sleep(PAUSE).await;
        }
        Err(format!("Stripe never showed {path}; last: {last}"))
    }

    /// Asks until Stripe says something of it, under the same key if there is one.
    async fn ask(&self, path: &str, form: &str, key: &str) -> Result<Answer, String> {
        let http = match key {
            "" => self.0.clone(),
            key => self.0.with("idempotency-key", key),
        };
        let mut last = String::new();
        for _ in 0..TRIES {
            match http.form(path, form.to_owned()).await {
                Ok(answer) if answer.status < 500 && !matches!(answer.status, 409 | 429) => {
                    return Ok(answer);
                }
                Ok(answer) => last = answer.status.to_string(),
                Err(error) => last = error,
            }
            tokio::time::sleep(PAUSE).await;
        }
        Err(format!("Stripe never answered {path}; last: {last}"))
    }
}

fn state_of_intent(answer: &Answer) -> String {
    answer.text("/status") + &answer.text("/error/payment_intent/status")
}
