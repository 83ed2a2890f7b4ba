//! The README's flow, as it stands there.

use std::process::Command;

use souk_test_shop::{SoukUp, free_ports};

use crate::up::Folder;

const README: &str = include_str!("../../../../README.md");

/// What stands between the README's markers, as a script for the shop at `base`.
fn flow(base: u16) -> String {
    let block = README
        .split_once("```sh\n")
        .and_then(|(_, rest)| rest.split_once("\n```"));
    let (script, _) = block.expect("the README has a block of sh");
    assert!(script.contains("localhost:8080") && script.contains("localhost:12111"));
    script
        .replace("localhost:8080", &format!("localhost:{base}"))
        .replace("localhost:12111", &format!("localhost:{}", base + 5))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_readmes_flow_ends_with_a_paid_order() {
    let folder = Folder::new("readme");
    let up = SoukUp::start(&folder.0, free_ports(6), &[]);
    let output = Command::new("bash")
        .args(["-euc", &flow(up.base)])
        .output()
        .expect("bash runs");
    let said = String::from_utf8_lossy(&output.stdout);
    let last = said.lines().last().unwrap_or_default();
    assert!(
        last.contains("\"status\":\"paid\""),
        "{said}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    up.process.stop();
}
