//! When something is due: the five fields of crontab(5), in UTC.

use std::fmt;
use std::str::FromStr;

use time::{Date, Duration, Month, OffsetDateTime, Time};

/// How far ahead a moment is looked for: the 29th of February is at most eight years away.
const YEARS: i32 = 9;

/// Minute, hour, day of the month, month, day of the week (0 or 7 is Sunday), in UTC. A field is `*`, a number, a range
/// `a-b`, either with a step `/n`, or several of these with commas. If both days are given, either will do, as in
/// crontab(5).
#[derive(Clone, PartialEq, Eq)]
pub struct Cron {
    text: String,
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    /// Whether both kinds of day are restricted, so that either is enough.
    either_day: bool,
}

/// Not five fields, a number out of range, or a day that no month has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no schedule: give minute, hour, day, month and weekday, such as `*/5 * * * *`")]
pub struct BadCron(String);

impl fmt::Debug for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cron({})", self.text)
    }
}

impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Cron {
    type Err = BadCron;

    fn from_str(text: &str) -> Result<Self, BadCron> {
        Self::parse(text)
            .filter(|cron| cron.next_after(OffsetDateTime::UNIX_EPOCH).is_some())
            .ok_or_else(|| BadCron(text.to_owned()))
    }
}

impl Cron {
    fn parse(text: &str) -> Option<Self> {
        let fields: Vec<&str> = text.split_ascii_whitespace().collect();
        let [minutes, hours, days, months, weekdays] = fields.as_slice() else {
            return None;
        };
        let all_weekdays = field(weekdays, 0, 7)?;
        Some(Self {
            text: fields.join(" "),
            minutes: field(minutes, 0, 59)?,
            hours: field(hours, 0, 23)?,
            days: field(days, 1, 31)?,
            months: field(months, 1, 12)?,
            weekdays: (all_weekdays | (all_weekdays >> 7)) & 0x7f,
            either_day: !days.starts_with('*') && !weekdays.starts_with('*'),
        })
    }

    /// The first moment after `at` that fits.
    #[must_use]
    pub fn next_after(&self, at: OffsetDateTime) -> Option<OffsetDateTime> {
        let at = at.to_offset(time::UtcOffset::UTC);
        let last = at.year().checked_add(YEARS)?;
        let mut next = whole_minute(at)?.checked_add(Duration::MINUTE)?;
        while next.year() < last {
            if !has(self.months, u8::from(next.month())) {
                next = first_of_next_month(next.date())?.midnight().assume_utc();
            } else if !self.fits_day(next.date()) {
                next = next.date().next_day()?.midnight().assume_utc();
            } else if !has(self.hours, next.hour()) {
                let hour = next.checked_sub(Duration::minutes(next.minute().into()))?;
                next = hour.checked_add(Duration::HOUR)?;
            } else if !has(self.minutes, next.minute()) {
                next = next.checked_add(Duration::MINUTE)?;
            } else {
                return Some(next);
            }
        }
        None
    }

    fn fits_day(&self, date: Date) -> bool {
        let day = has(self.days, date.day());
        let weekday = has(self.weekdays, date.weekday().number_days_from_sunday());
        if self.either_day {
            day || weekday
        } else {
            day && weekday
        }
    }
}

fn has(set: u64, member: u8) -> bool {
    set & (1 << member) != 0
}

fn whole_minute(at: OffsetDateTime) -> Option<OffsetDateTime> {
    Some(at.replace_time(Time::from_hms(at.hour(), at.minute(), 0).ok()?))
}

fn first_of_next_month(date: Date) -> Option<Date> {
    let year = match date.month() {
        Month::December => date.year() + 1,
        _ => date.year(),
    };
    Date::from_calendar_date(year, date.month().next(), 1).ok()
}

/// The numbers that a field names, as a set of bits.
fn field(text: &str, least: u8, most: u8) -> Option<u64> {
    text.split(',').try_fold(0, |set, part| {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, Some(step.parse::<u8>().ok().filter(|&s| s > 0)?)),
            None => (part, None),
        };
        let (from, to) = match (range, range.split_once('-')) {
            ("*", _) => (least, most),
            (_, Some((from, to))) => (from.parse().ok()?, to.parse().ok()?),
            (one, None) => {
                let one = one.parse().ok()?;
                // `5/10` is `5-59/10`.
                (one, if step.is_some() { most } else { one })
            }
        };
        if from < least || to > most || from > to {
            return None;
        }
        let numbers = (from..=to).step_by(usize::from(step.unwrap_or(1)));
        Some(numbers.fold(set, |set, number| set | (1 << number)))
    })
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    fn next(text: &str, at: OffsetDateTime) -> OffsetDateTime {
        text.parse::<Cron>().unwrap().next_after(at).unwrap()
    }

    // JOB-1
    #[test]
    fn the_next_moment_is_the_first_one_after_that_fits_all_fields() {
        // A Tuesday.
        let at = datetime!(2030-01-01 12:00:30 UTC);
        for (text, expected) in [
            ("* * * * *", datetime!(2030-01-01 12:01 UTC)),
            ("0 12 * * *", datetime!(2030-01-02 12:00 UTC)),
            ("*/15 * * * *", datetime!(2030-01-01 12:15 UTC)),
            ("5/20 * * * *", datetime!(2030-01-01 12:05 UTC)),
            ("30 3 * * 1-5", datetime!(2030-01-02 03:30 UTC)),
            ("0 0 * * 7", datetime!(2030-01-06 00:00 UTC)),
            ("0 0 * * 0", datetime!(2030-01-06 00:00 UTC)),
            ("0 0 1,15 * *", datetime!(2030-01-15 00:00 UTC)),
            ("0 0 31 * *", datetime!(2030-01-31 00:00 UTC)),
            ("0 0 31 4-6 *", datetime!(2030-05-31 00:00 UTC)),
            ("59 23 31 12 *", datetime!(2030-12-31 23:59 UTC)),
            ("0 0 29 2 *", datetime!(2032-02-29 00:00 UTC)),
            // Both kinds of day: either will do.
            ("0 0 13 * 5", datetime!(2030-01-04 00:00 UTC)),
        ] {
            assert_eq!(next(text, at), expected, "{text}");
        }
        assert_eq!(
            next("* * * * *", datetime!(2030-12-31 23:59 UTC)),
            datetime!(2031-01-01 0:00 UTC)
        );
    }

    // JOB-1
    #[test]
    fn what_is_no_schedule_or_never_comes_is_refused() {
        for text in [
            "",
            "* * * *",
            "* * * * * *",
            "60 * * * *",
            "* 24 * * *",
            "* * 0 * *",
            "* * * 13 *",
            "* * * * 8",
            "*/0 * * * *",
            "5-1 * * * *",
            "a * * * *",
            "1-a * * * *",
            "-1 * * * *",
            "0 0 30 2 *",
            ", * * * *",
        ] {
            assert!(text.parse::<Cron>().is_err(), "{text}");
        }
    }
}
