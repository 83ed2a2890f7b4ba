//! Settings: read once, from a file and the environment, and checked all together, so that a start with five
//! mistakes reports five.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use crate::secret::{Secret, without_password};

/// The shortest secret that production takes, in characters.
const MIN_SECRET: usize = 32;
/// Every secret of the demo holds this word, and production refuses it.
const DEMO_MARK: &str = "souk-demo";

/// Everything that is wrong with the settings.
#[derive(Debug, thiserror::Error)]
pub struct ConfigErrors(pub Vec<String>);

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} setting(s) must be mended before the start:", self.0.len())?;
        self.0.iter().try_for_each(|line| writeln!(f, "  - {line}"))
    }
}

/// Reads settings by name and remembers every mistake until [`Settings::finish`]. Where `NAME` is not set, its value is
/// what the file holds that `NAME_FILE` names: for secrets, and for addresses with a password in them. Both are a mistake.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    values: BTreeMap<String, String>,
    mistakes: Vec<String>,
    shown: Vec<(String, String)>,
    production: bool,
}

impl Settings {
    /// From the process's environment over the TOML file that `SOUK_CONFIG` names, if it names one.
    #[must_use]
    pub fn from_env() -> Self {
        let env: BTreeMap<String, String> = std::env::vars().collect();
        let file = env.get("SOUK_CONFIG").map(PathBuf::from);
        Self::of(env, file.as_deref())
    }

    /// From `values` over the TOML file at `file`. The file's tables become prefixes: `[database] url` is
    /// `DATABASE_URL`.
    #[must_use]
    pub fn of(values: impl IntoIterator<Item = (String, String)>, file: Option<&Path>) -> Self {
        let mut settings = Self::default();
        if let Some(path) = file {
            match std::fs::read_to_string(path)
                .map_err(|e| e.to_string())
                .and_then(|text| text.parse::<toml::Table>().map_err(|e| e.message().to_owned()))
            {
                Ok(table) => flatten("", &table, &mut settings.values),
                Err(why) => settings.refuse("SOUK_CONFIG", format!("cannot read {}: {why}", path.display())),
            }
        }
        settings.values.extend(values);
        let word = settings.choice("SOUK_ENV", &["development", "test", "production"], "development");
        settings.production = word == "production";
        settings
    }

    /// Whether this is `SOUK_ENV=production`, where demo secrets and defaults are refused.
    #[must_use]
    pub fn production(&self) -> bool {
        self.production
    }

    /// Sets `name` where nothing else has, be it by a file.
    pub fn default_to(&mut self, name: &str, value: impl Into<String>) {
        if self.given(&file_of(name)).is_none() {
            self.values.entry(name.to_owned()).or_insert_with(|| value.into());
        }
    }

    /// A copy in which `name` is `value`, whatever it was.
    #[must_use]
    pub fn with(&self, name: &str, value: impl Into<String>) -> Self {
        let mut copy = self.clone();
        copy.values.remove(&file_of(name));
        copy.values.insert(name.to_owned(), value.into());
        copy
    }

    /// Notes a mistake; once, however often the setting is read.
    pub fn refuse(&mut self, name: &str, why: impl fmt::Display) {
        let mistake = format!("{name}: {why}");
        if !self.mistakes.contains(&mistake) {
            self.mistakes.push(mistake);
        }
    }

    /// A text, or `default`.
    pub fn text(&mut self, name: &str, default: &str) -> String {
        let value = self.optional(name).unwrap_or_else(|| default.to_owned());
        self.show(name, &value);
        value
    }

    /// A text that may be absent; an empty one counts as absent.
    pub fn optional(&mut self, name: &str) -> Option<String> {
        let file = file_of(name);
        let value = self.given(name);
        if value.is_some() && self.given(&file).is_some() {
            // Whichever were taken, the other might be the one that somebody has just changed.
            self.refuse(name, format!("is set, and {file} too; leave out one of them"));
        }
        value.or_else(|| self.filed(&file))
    }

    /// What `read` makes of a text that may be absent. Neither is shown: there may be a password in it.
    pub fn optional_as<T, E: fmt::Display>(
        &mut self,
        name: &str,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let text = self.optional(name)?;
        read(&text).map_err(|why| self.refuse(name, why)).ok()
    }

    /// Whether `name` is given and empty: where absence has a default, emptiness may still be a mistake.
    #[must_use]
    pub fn is_blank(&self, name: &str) -> bool {
        self.values.get(name).is_some_and(|v| v.trim().is_empty())
    }

    /// A text that must be there.
    pub fn required(&mut self, name: &str, hint: &str) -> String {
        let value = self.optional(name);
        if value.is_none() {
            self.refuse(name, format!("is not set; {hint}"));
        }
        self.show(name, value.as_deref().unwrap_or_default());
        value.unwrap_or_default()
    }

    /// Anything that parses from text, or `default`.
    pub fn parse<T: FromStr + fmt::Display>(&mut self, name: &str, default: T) -> T
    where
        T::Err: fmt::Display,
    {
        let value = match self.optional(name).map(|text| (text.trim().parse::<T>(), text)) {
            None => default,
            Some((Ok(value), _)) => value,
            Some((Err(why), text)) => {
                self.refuse(name, format!("`{text}` is not valid: {why}"));
                default
            }
        };
        self.show(name, &value.to_string());
        value
    }

    /// A number within `range`, or `default`.
    pub fn number<T>(&mut self, name: &str, default: T, range: std::ops::RangeInclusive<T>) -> T
    where
        T: FromStr + fmt::Display + PartialOrd + Copy,
        T::Err: fmt::Display,
    {
        let value = self.parse(name, default);
        if range.contains(&value) {
            return value;
        }
        self.refuse(
            name,
            format!("{value} is not within {} and {}", range.start(), range.end()),
        );
        default
    }

    /// A span of whole seconds within `range`, or `default`.
    pub fn seconds(&mut self, name: &str, default: u64, range: std::ops::RangeInclusive<u64>) -> Duration {
        Duration::from_secs(self.number(name, default, range))
    }

    /// `true` or `false` (also `on`, `off`), or `default`.
    pub fn flag(&mut self, name: &str, default: bool) -> bool {
        let default = if default { "on" } else { "off" };
        matches!(
            self.choice(name, &["on", "off", "true", "false"], default)
                .as_str(),
            "on" | "true"
        )
    }

    /// One of `words`, or `default`.
    pub fn choice(&mut self, name: &str, words: &[&str], default: &str) -> String {
        let value = self.text(name, default);
        if words.contains(&value.as_str()) {
            return value;
        }
        self.refuse(name, format!("`{value}` is none of {}", words.join(", ")));
        default.to_owned()
    }

    /// An address to listen on, or `default`.
    pub fn address(&mut self, name: &str, default: SocketAddr) -> SocketAddr {
        let text = self.text(name, &default.to_string());
        text.trim().parse().unwrap_or_else(|_| {
            self.refuse(
                name,
                format!("`{text}` is no address to listen on, such as {default}"),
            );
            default
        })
    }

    /// An `http` or `https` address of a neighbour, or `default`.
    pub fn uri(&mut self, name: &str, default: &str) -> http::Uri {
        let text = self.text(name, default);
        match text.parse::<http::Uri>() {
            Ok(uri) if matches!(uri.scheme_str(), Some("http" | "https")) && uri.authority().is_some() => uri,
            _ => {
                self.refuse(name, format!("`{text}` is not an address such as {default}"));
                http::Uri::default()
            }
        }
    }

    /// A secret. Outside production `demo` stands in for one that is absent; production refuses it, and whatever is
    /// empty, short or from the demo.
    pub fn secret(&mut self, name: &str, demo: &str) -> Secret {
        let given = self.optional(name);
        self.shown.push((
            name.to_owned(),
            if given.is_some() { "(set)" } else { "(demo)" }.to_owned(),
        ));
        if self.production {
            match given.as_deref() {
                None => self.refuse(
                    name,
                    format!("is not set; give {MIN_SECRET} random characters or more"),
                ),
                Some(s) if s == demo || s.contains(DEMO_MARK) => {
                    self.refuse(name, "is the demo's; production needs its own");
                }
                Some(s) if s.chars().count() < MIN_SECRET => {
                    self.refuse(name, format!("is shorter than {MIN_SECRET} characters"));
                }
                Some(_) => {}
            }
        }
        Secret::new(given.unwrap_or_else(|| demo.to_owned()))
    }

    /// Several secrets in one setting, by commas: the first signs, all verify. For rotation.
    pub fn secrets(&mut self, name: &str, demo: &str) -> Vec<Secret> {
        let Some(list) = self.optional(name) else {
            return vec![self.secret(name, demo)];
        };
        let parts: Vec<String> = list.split(',').map(|s| s.trim().to_owned()).collect();
        if parts.iter().any(String::is_empty) {
            // Else the demo's would stand in for it.
            self.refuse(name, "holds an empty secret");
            return Vec::new();
        }
        let all = std::mem::take(&mut self.values);
        let secrets = parts
            .into_iter()
            .map(|part| {
                self.values.insert(name.to_owned(), part);
                self.secret(name, demo)
            })
            .collect();
        self.values = all;
        secrets
    }

    /// The settings that were read, secrets hidden: what `souk config print` shows.
    #[must_use]
    pub fn shown(&self) -> &[(String, String)] {
        &self.shown
    }

    /// All mistakes at once, or nothing.
    pub fn finish(&mut self) -> Result<(), ConfigErrors> {
        let mistakes = std::mem::take(&mut self.mistakes);
        if mistakes.is_empty() {
            Ok(())
        } else {
            Err(ConfigErrors(mistakes))
        }
    }

    fn given(&self, name: &str) -> Option<String> {
        self.values.get(name).filter(|v| !v.trim().is_empty()).cloned()
    }

    /// What the file holds that the setting `name` names, without the line's end. An empty one is a mistake: whoever
    /// names a file does not mean the default.
    fn filed(&mut self, name: &str) -> Option<String> {
        let path = self.given(name)?;
        match std::fs::read_to_string(&path) {
            Ok(text) if text.trim().is_empty() => {
                self.refuse(
                    name,
                    format!("{path} is empty: write the value into it, or leave the setting out"),
                );
            }
            Ok(text) => return Some(text.trim().to_owned()),
            Err(why) => self.refuse(name, format!("cannot read {path}: {why}")),
        }
        None
    }

    fn show(&mut self, name: &str, value: &str) {
        let value = if name.ends_with("_URL") {
            without_password(value)
        } else {
            value.to_owned()
        };
        self.shown.push((name.to_owned(), value));
    }
}

/// The setting that names a file with the value of `name` in it.
fn file_of(name: &str) -> String {
    format!("{name}_FILE")
}

fn flatten(prefix: &str, table: &toml::Table, into: &mut BTreeMap<String, String>) {
    for (key, value) in table {
        let name = format!("{prefix}{}", key.to_ascii_uppercase());
        match value {
            toml::Value::Table(inner) => flatten(&format!("{name}_"), inner, into),
            toml::Value::String(text) => {
                into.insert(name, text.clone());
            }
            other => {
                into.insert(name, other.to_string());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(pairs: &[(&str, &str)]) -> Settings {
        Settings::of(
            pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())),
            None,
        )
    }

    // OPS-3
    #[test]
    fn every_mistake_is_reported_at_once() {
        let mut s = settings(&[("PORT", "many"), ("LIMIT", "0"), ("PEER_URL", "nowhere")]);
        s.number("PORT", 8080_u16, 1..=65_535);
        s.number("LIMIT", 5_u32, 1..=10);
        s.uri("PEER_URL", "http://localhost:4001");
        s.required("DATABASE_URL", "name a Postgres database");
        let errors = s.finish().unwrap_err();
        assert_eq!(errors.0.len(), 4, "{errors}");
    }

    // OPS-3
    #[test]
    fn any_setting_may_come_from_a_file() {
        let folder = std::env::temp_dir().join(format!("souk-settings-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let file = |name: &str, text: &str| {
            let path = folder.join(name);
            std::fs::write(&path, text).unwrap();
            path.display().to_string()
        };
        let (url, key, port, empty) = (
            file("url", "postgres://shop:hunter2@db/x\n"),
            file("key", "new,old\n"),
            file("port", "8080\n"),
            file("empty", "\n"),
        );
        let mut s = settings(&[
            ("DATABASE_URL_FILE", &url),
            ("KEY_FILE", &key),
            ("PORT", ""),
            ("PORT_FILE", &port),
            ("EMPTY_FILE", &empty),
            ("GONE_FILE", "/nowhere"),
        ]);
        assert_eq!(
            s.required("DATABASE_URL", "name a database"),
            "postgres://shop:hunter2@db/x"
        );
        assert_eq!(s.secrets("KEY", "demo").len(), 2);
        assert_eq!(s.number("PORT", 1_u16, 1..=65_535), 8_080);
        assert!(!format!("{:?}", s.shown()).contains("hunter2"));
        s.secret("EMPTY", "demo");
        s.optional("GONE");
        let errors = s.finish().unwrap_err().to_string();
        std::fs::remove_dir_all(&folder).unwrap();
        assert!(
            errors.contains("EMPTY_FILE") && errors.contains("is empty"),
            "{errors}"
        );
        assert!(
            errors.contains("GONE_FILE") && errors.contains("cannot read"),
            "{errors}"
        );
    }

    // OPS-3
    #[test]
    fn a_setting_that_is_given_twice_is_a_mistake_that_shows_neither_value() {
        let given = [
            ("KEY", "hunter2"),
            ("KEY_FILE", "/run/hunter3"),
            ("PORT", "1"),
            ("PORT_FILE", "/run/hunter4"),
        ];
        let mut s = settings(&given);
        s.secrets("KEY", "demo");
        s.number("PORT", 8080_u16, 1..=65_535);
        let told = s.finish().unwrap_err().0;
        assert_eq!(
            told,
            [
                "KEY: is set, and KEY_FILE too; leave out one of them",
                "PORT: is set, and PORT_FILE too; leave out one of them"
            ]
        );

        // What the shop decides for itself is no second word.
        let mut s = settings(&given[1..2]).with("KEY", "chosen");
        s.default_to("KEY", "stood in for");
        assert_eq!(s.secret("KEY", "demo").expose(), "chosen");
        s.finish().unwrap();
        let mut s = settings(&given[1..2]);
        s.default_to("KEY", "stood in for");
        s.secret("KEY", "demo");
        let told = s.finish().unwrap_err().0;
        assert!(
            told.len() == 1 && told[0].starts_with("KEY_FILE: cannot read"),
            "{told:?}"
        );
    }

    // AUT-2
    #[test]
    fn production_refuses_secrets_that_are_absent_short_or_from_the_demo() {
        for (value, sentence) in [
            ("", "is not set"),
            ("short", "is shorter"),
            ("souk-demo-service-identity-0123456789", "is the demo's"),
        ] {
            let mut s = settings(&[("SOUK_ENV", "production"), ("KEY", value)]);
            s.secret("KEY", "souk-demo-service-identity-0123456789");
            assert!(s.finish().unwrap_err().to_string().contains(sentence));
        }
        let mut s = settings(&[
            ("SOUK_ENV", "production"),
            ("KEY", "7f3c0b1ad5e94b6c8f2a7f3c0b1ad5e9"),
        ]);
        s.secret("KEY", "souk-demo");
        s.finish().unwrap();
    }

    #[test]
    fn what_is_shown_holds_no_secret() {
        let mut s = settings(&[
            ("DATABASE_URL", "postgres://shop:hunter2@db/x"),
            ("KEY", "hunter2"),
        ]);
        s.text("DATABASE_URL", "");
        s.secret("KEY", "demo");
        assert!(!format!("{:?}", s.shown()).contains("hunter2"));
    }

    #[test]
    fn several_secrets_are_read_for_rotation() {
        let mut s = settings(&[("KEY", "new, old")]);
        let keys = s.secrets("KEY", "demo");
        assert_eq!(
            keys.iter().map(Secret::expose).collect::<Vec<_>>(),
            ["new", "old"]
        );
        let mut s = settings(&[("KEY", "new,")]);
        s.secrets("KEY", "demo");
        assert!(s.finish().unwrap_err().to_string().contains("empty"));
    }
}
