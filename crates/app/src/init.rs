//! `storeward init`: a short commented config and the keys, fitted to the shop it finds.

use std::path::PathBuf;

use storeward_base::SystemEntropy;
use storeward_edge::certificates::{CertificateConfig, Source};

use crate::Done;
use crate::config::{Config, FILE};
use crate::data::{self, DataDir};
use crate::failure::{Context, Failure};
use crate::platform::{self, Platform};

#[derive(Debug, clap::Args)]
pub struct Options {
    /// The shop's host name, such as shop.example.com; give it again for further names.
    #[arg(long, required = true, value_name = "NAME")]
    domain: Vec<String>,
    /// Where the shop answers now, such as http://127.0.0.1:8080.
    #[arg(long, value_name = "URL")]
    upstream: String,
    /// Data directory to make.
    #[arg(long, value_name = "DIR", default_value = "storeward-data")]
    dir: PathBuf,
    /// Overwrite a config that is there; keys are never overwritten.
    #[arg(long)]
    force: bool,
}

pub fn init(options: &Options) -> Done {
    let path = options.dir.join(FILE);
    if path.exists() && !options.force {
        return Err(Failure::new(format!("{} is already there", path.display()))
            .hint("edit it, or add --force to write a new one; your keys stay either way"));
    }
    storeward_edge::upstream::Server::parse(&options.upstream, 1, None).context("--upstream")?;
    let domains: Vec<String> = options.domain.iter().map(|d| d.trim().to_ascii_lowercase()).collect();
    check_domains(&domains)?;
    println!("Asking the shop at {} …", options.upstream);
    let found = platform::ask(&options.upstream, None);
    match (&found.platform, found.answered) {
        (_, false) => println!("  It does not answer yet; the config is written all the same."),
        (Platform::Unknown, true) => println!("  It answers. The platform is none that Storeward knows."),
        (known, true) => println!("  It is {known} ({}).", found.evidence.join("; ")),
    }
    let text = template(&domains, &options.upstream, &found);
    // The file must be one that `run` accepts.
    Config::parse(&text).map_err(Failure::new)?.validate()?;
    let dir = DataDir::create(&options.dir)?;
    data::write_atomically(&path, text.as_bytes())?;
    let made = dir.ensure_keys(&SystemEntropy)?;
    println!("Wrote {}{}.", path.display(), if made { " and keys (mode 0600)" } else { "; the keys stay" });
    println!("\nNext:\n  storeward check --dir {0}\n  storeward run --dir {0}", options.dir.display());
    Ok(())
}

/// Whether a certificate could bear the names; told before the shop is asked, by the option that was typed.
fn check_domains(domains: &[String]) -> Result<(), Failure> {
    for domain in domains {
        let any = CertificateConfig { names: Vec::new(), source: Source::Local };
        any.with_names(vec![domain.clone()]).map_err(|_| {
            Failure::new(format!("--domain: `{domain}` is no host name")).hint(
                "give the name that customers type, such as shop.example.com, without https:// and path",
            )
        })?;
    }
    Ok(())
}

/// Quotes a text for TOML.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

pub fn template(domains: &[String], upstream: &str, found: &platform::Found) -> String {
    let names: Vec<String> = domains.iter().map(|d| quoted(d)).collect();
    let mut out = String::new();
    let mut line = |text: &str| {
        out.push_str(text);
        out.push('\n');
    };
    line("# Storeward. Every key: docs/configuration.md. After a change: storeward reload");
    line(&format!("domain = [{}]   # the shop's host names", names.join(", ")));
    line("\n[listen]");
    line("https = \"0.0.0.0:443\"");
    line("http = \"0.0.0.0:80\"            # certificate challenges and the redirect to https");
    line("\n[console]");
    line("listen = \"127.0.0.1:9443\"      # the staff's pages; reach it by SSH tunnel or VPN");
    line("\n[upstream]");
    line(&format!("servers = [{}]", quoted(upstream)));
    line("\n[inspect]");
    line("mode = \"block\"                 # off, detect or block");
    line("\n[database]");
    line("url = \"sqlite:storeward.sqlite\"   # or postgres://user:password@host/database");
    line("\n[vault]                        # customers' records, sealed; see docs/vault.md");
    if found.look.name.is_some() || found.look.colour.is_some() {
        line("\n[look]                         # of the pages shown in the shop's place");
        if let Some(name) = &found.look.name {
            line(&format!("name = {}", quoted(name)));
        }
        if let Some(colour) = &found.look.colour {
            line(&format!("colour = {}", quoted(colour)));
        }
    }
    if let Some(adapter) = crate::shield::adapter_of(found.platform) {
        out.push_str("\n# [shield]   # a second factor in front of the shop's own sign-in; needs [identity] and [mail]\n");
        out.push_str(&format!("# adapter = {}\n", quoted(adapter)));
    }
    out.push_str(routes_of(found.platform));
    out
}

/// Where the platform's own back office would set off rules that guard customers' pages.
fn routes_of(platform: Platform) -> &'static str {
    match platform {
        Platform::WooCommerce | Platform::WordPress => {
            "\n[[route]]                      # editors write HTML there\npath = \"/wp-admin\"\ninspect = \"detect\"\n"
        }
        Platform::Shopware | Platform::Magento => {
            "\n[[route]]                      # editors write HTML there\npath = \"/admin\"\ninspect = \"detect\"\n"
        }
        Platform::DjangoOscar => {
            "\n[[route]]                      # editors write HTML there\npath = \"/dashboard\"\ninspect = \"detect\"\n"
        }
        Platform::PrestaShop | Platform::Medusa | Platform::Vendure | Platform::Unknown => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_domain_is_told_by_its_option_before_anything_else() {
        let check = |name: &str| check_domains(&[name.to_owned()]).map_err(|failure| failure.to_string());
        for good in ["shop.example.com", "*.shop.example.com", "localhost", "xn--bcher-kva.example"] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for bad in [
            "bad domain",
            "",
            "https://shop.example",
            "shop.example/x",
            "shop_example.com:8443",
            "-a.example",
        ] {
            let told = check(bad).unwrap_err();
            assert!(told.contains("--domain") && told.contains(bad), "{told}");
        }
    }

    #[test]
    fn the_file_is_short_commented_and_accepted() {
        for platform in [Platform::Unknown, Platform::WooCommerce, Platform::Magento, Platform::DjangoOscar] {
            let mut found = platform::Found::silent();
            found.platform = platform;
            found.look.name = Some("Kiln & \"Co\"".into());
            found.look.colour = Some("#aabbcc".into());
            let text = template(&["shop.example".into()], "http://127.0.0.1:8080", &found);
            assert!(text.lines().count() < 32, "{} lines", text.lines().count());
            Config::parse(&text).unwrap().validate().unwrap();
        }
    }
}
