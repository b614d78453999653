//! What `cargo metadata` says of our own packages.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// One of ours, with what it names in its manifest.
#[derive(Debug)]
pub struct Package {
    pub name: String,
    pub dependencies: Vec<Dependency>,
}

#[derive(Debug)]
pub struct Dependency {
    pub name: String,
    /// Only tests, benches and examples see it.
    pub is_dev: bool,
}

pub fn packages(root: &Path) -> Result<Vec<Package>, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let out = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(root)
        .output()
        .map_err(|e| format!("cargo cannot be called: {e}"))?;
    if !out.status.success() {
        return Err(format!("cargo metadata: {}", String::from_utf8_lossy(&out.stderr)));
    }
    parse(&out.stdout)
}

pub fn parse(json: &[u8]) -> Result<Vec<Package>, String> {
    let whole: Value = serde_json::from_slice(json).map_err(|e| format!("cargo metadata: {e}"))?;
    let Some(packages) = whole["packages"].as_array() else {
        return Err("cargo metadata names no packages".to_owned());
    };
    Ok(packages.iter().map(package).collect())
}

fn package(value: &Value) -> Package {
    let named = |value: &Value| value["name"].as_str().unwrap_or_default().to_owned();
    let dependencies = value["dependencies"].as_array().map(Vec::as_slice).unwrap_or_default();
    Package {
        name: named(value),
        dependencies: dependencies
            .iter()
            .map(|one| Dependency { name: named(one), is_dev: one["kind"].as_str() == Some("dev") })
            .collect(),
    }
}
