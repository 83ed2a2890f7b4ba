//! rclone, in a process of a test's own, which may be killed.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use crate::buckets::{KEY, SECRET, env, free_port};

/// A server with one bucket.
pub struct Server {
    program: String,
    pub port: u16,
    dir: PathBuf,
    child: Option<Child>,
}

impl Server {
    /// One that runs.
    pub async fn start() -> Self {
        let program = env("STORAGE_PROGRAM").expect("scripts/storage.sh runs this, and says where rclone is");
        let dir = std::env::temp_dir().join(format!("souk-s3-{}", Uuid::now_v7()));
        std::fs::create_dir_all(dir.join("files/pictures")).unwrap();
        let mut server = Self {
            program,
            port: free_port(),
            dir,
            child: None,
        };
        server.run().await;
        server
    }

    /// Where its buckets are, each a folder.
    pub fn files(&self) -> PathBuf {
        self.dir.join("files")
    }

    pub async fn run(&mut self) {
        let child = Command::new(&self.program)
            .args([
                "serve",
                "s3",
                "--config",
                "/dev/null",
                "--vfs-cache-mode",
                "writes",
            ])
            .args(["--vfs-write-back", "0s", "--dir-cache-time", "0s"])
            .args(["--addr", &format!("127.0.0.1:{}", self.port)])
            .args(["--auth-key", &format!("{KEY},{SECRET}")])
            .arg("--cache-dir")
            .arg(self.dir.join("cache"))
            .arg(self.files())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        self.child = Some(child);
        let listens = async {
            while TcpStream::connect(("127.0.0.1", self.port)).await.is_err() {
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(Duration::from_secs(30), listens).await.unwrap();
    }

    pub async fn kill(&mut self) {
        self.child.take().unwrap().kill().await.unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}
