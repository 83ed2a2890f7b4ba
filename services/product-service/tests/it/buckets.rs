//! Buckets of real servers that speak S3. `scripts/storage.sh` names one, and all tests keep their pictures there instead
//! of in folders:
//!
//! - `STORAGE_URL`, `STORAGE_KEY`, `STORAGE_SECRET`: where it listens, and the account;
//! - `STORAGE_DIR`: its folder, in which a folder is a bucket.

use std::path::PathBuf;

use product_service::{Bucket, ImageStore};
use runtime::Secret;
use uuid::Uuid;

pub const KEY: &str = "souk-test";
pub const SECRET: &str = "souk-test-secret-0123456789";

#[expect(clippy::disallowed_methods, reason = "the environment says what is tested")]
pub fn env(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|v| !v.is_empty())
}

/// An empty bucket of the server that the environment names, if it names one.
pub fn fresh() -> Option<ImageStore> {
    let endpoint = env("STORAGE_URL")?;
    let name = format!("test-{}", Uuid::now_v7());
    std::fs::create_dir(PathBuf::from(env("STORAGE_DIR").unwrap()).join(&name)).unwrap();
    Some(ImageStore::Bucket(Bucket {
        endpoint,
        name,
        region: "us-east-1".to_owned(),
        access_key: Secret::new(env("STORAGE_KEY").unwrap()),
        secret_key: Secret::new(env("STORAGE_SECRET").unwrap()),
    }))
}

/// A bucket of a server of its own, which listens there or does not.
pub fn at(port: u16) -> Bucket {
    Bucket {
        endpoint: format!("http://127.0.0.1:{port}"),
        name: "pictures".to_owned(),
        region: "us-east-1".to_owned(),
        access_key: Secret::new(KEY),
        secret_key: Secret::new(SECRET),
    }
}

/// A port that nobody listens at. Below those that the kernel hands out, so that it stays so.
pub fn free_port() -> u16 {
    loop {
        let port = 20_000 + rand::random::<u16>() % 12_000;
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
