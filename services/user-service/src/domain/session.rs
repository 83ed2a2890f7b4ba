//! How long sessions live, and what presenting a refresh token does.

use time::{Duration, OffsetDateTime};

/// How long things live.
#[derive(Clone, Copy, Debug)]
pub struct Lifetimes {
    /// An access token.
    pub access: Duration,
    /// A session that nobody refreshes.
    pub idle: Duration,
    /// A session, whatever is done with it.
    pub absolute: Duration,
    /// How long a used refresh token is answered with its successor.
    pub grace: Duration,
}

/// A refresh token that somebody presents, and its session.
#[derive(Clone, Copy, Debug)]
pub struct Presented {
    /// When it was used before, if it was.
    pub used_at: Option<OffsetDateTime>,
    /// When the session ends unless it is refreshed.
    pub expires_at: OffsetDateTime,
    /// When the session ends for good.
    pub absolute_expires_at: OffsetDateTime,
    /// Whether the session was ended.
    pub revoked: bool,
}

/// What comes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// Its first use: the session goes on until then, under a new token.
    Rotate(OffsetDateTime),
    /// A repetition of a use just now: the same successor again.
    Repeat,
    /// Somebody holds a token that was used long ago: end the whole family.
    Reuse,
    /// The session has ended.
    Dead,
}

/// Why a session was ended. The words are the database's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RevokedWhy {
    /// Signed out.
    Logout,
    /// Signed out everywhere.
    LogoutAll,
    /// The password changed.
    Password,
    /// The role changed.
    Role,
    /// A used refresh token came back.
    Reuse,
    /// An operator's act.
    Operator,
}

impl RevokedWhy {
    /// The word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Logout => "logout",
            Self::LogoutAll => "logout-all",
            Self::Password => "password",
            Self::Role => "role",
            Self::Reuse => "reuse",
            Self::Operator => "operator",
        }
    }
}

impl Lifetimes {
    /// When a session that is used now ends unless it is used again.
    #[must_use]
    pub fn expiry(&self, absolute_expires_at: OffsetDateTime, now: OffsetDateTime) -> OffsetDateTime {
        (now + self.idle).min(absolute_expires_at)
    }

    /// What presenting `token` at `now` does (AUT-7).
    #[must_use]
    pub fn judge(&self, token: &Presented, now: OffsetDateTime) -> Use {
        if token.revoked || token.expires_at <= now || token.absolute_expires_at <= now {
            return Use::Dead;
        }
        match token.used_at {
            None => Use::Rotate(self.expiry(token.absolute_expires_at, now)),
            Some(used_at) if now - used_at <= self.grace => Use::Repeat,
            Some(_) => Use::Reuse,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    const NOW: OffsetDateTime = datetime!(2026-01-01 00:00 UTC);
    const LIVES: Lifetimes = Lifetimes {
        access: Duration::minutes(15),
        idle: Duration::days(7),
        absolute: Duration::days(30),
        grace: Duration::seconds(10),
    };

    fn token(used_at: Option<OffsetDateTime>) -> Presented {
        Presented {
            used_at,
            expires_at: NOW + Duration::days(1),
            absolute_expires_at: NOW + Duration::days(3),
            revoked: false,
        }
    }

    // AUT-6
    #[test]
    fn a_refresh_moves_the_end_by_seven_days_but_never_past_the_thirtieth() {
        assert_eq!(
            LIVES.judge(&token(None), NOW),
            Use::Rotate(NOW + Duration::days(3))
        );
        let young = Presented {
            absolute_expires_at: NOW + Duration::days(29),
            ..token(None)
        };
        assert_eq!(LIVES.judge(&young, NOW), Use::Rotate(NOW + Duration::days(7)));
        assert_eq!(LIVES.judge(&token(None), NOW + Duration::days(1)), Use::Dead);
    }

    // AUT-7
    #[test]
    fn a_used_token_is_repeated_for_ten_seconds_and_theft_after_them() {
        assert_eq!(
            LIVES.judge(&token(Some(NOW)), NOW + Duration::seconds(10)),
            Use::Repeat
        );
        let late = NOW + Duration::seconds(11);
        assert_eq!(LIVES.judge(&token(Some(NOW)), late), Use::Reuse);
        let revoked = Presented {
            revoked: true,
            ..token(Some(NOW))
        };
        assert_eq!(LIVES.judge(&revoked, late), Use::Dead, "once is enough");
    }
}
