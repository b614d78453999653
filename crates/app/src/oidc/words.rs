//! `storeward oidc`: who may let customers sign in here, and the keys that sign tokens.

use storeward_base::{Actor, RelyingId, Secret};
use storeward_oidc::registry::{
    Added, Algorithm, Answers, Client, Consent, Draft, IdToken, Kind, PRESETS, Pkce, Preset, Scope, Scopes,
};
use storeward_oidc::{Haste, PREFIX};

use super::{finished, registry};
use crate::failure::{Context, Failure, say};
use crate::open::{self, Opened};
use crate::{Directory, Done};

#[derive(Debug, clap::Args)]
pub struct Options {
    #[command(subcommand)]
    word: Word,
}

#[derive(Debug, clap::Subcommand)]
enum Word {
    /// Shops and programs that let their customers sign in here.
    #[command(subcommand)]
    Client(ClientWord),
    /// Keys that sign tokens.
    #[command(subcommand)]
    Keys(KeysWord),
}

#[derive(Debug, clap::Subcommand)]
enum ClientWord {
    /// Add one; prints its id and, once, its secret.
    Add(Box<AddOptions>),
    /// Print all: id, name, settings.
    List(Directory),
    /// Print one with everything that is to be entered in the shop.
    Show(One),
    /// Change what one may ask for; what it may not any more ends at once.
    SetScopes(ScopesOptions),
    /// Make a new secret and print it once.
    RotateSecret(RotateOptions),
    /// Remove one; its customers' tokens end.
    Remove(One),
}

#[derive(Debug, clap::Args)]
struct AddOptions {
    /// What customers and staff read, such as the shop's name.
    #[arg(long)]
    name: String,
    /// Ready-made settings: own, woocommerce, saleor, spree, vendure, browser.
    #[arg(long, default_value = "own")]
    preset: String,
    /// The shop's address, such as https://shop.example; the preset adds its paths.
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// Where customers come back to, in place of the preset's; may be repeated.
    #[arg(long = "redirect-uri", value_name = "URL")]
    redirect_uris: Vec<String>,
    /// Where they come back to after a sign-out; may be repeated.
    #[arg(long = "logout-uri", value_name = "URL")]
    logout_uris: Vec<String>,
    /// Where the shop's server takes the news that a session is over.
    #[arg(long, value_name = "URL")]
    backchannel_uri: Option<String>,
    /// Pages that may call from a browser, such as https://app.shop.example; public clients only; may be repeated.
    #[arg(long = "origin", value_name = "ORIGIN")]
    origins: Vec<String>,
    /// In a browser or an app: it can keep no secret.
    #[arg(long)]
    public: bool,
    /// Do without PKCE, for a client with a secret that does not know it. A code that leaks is then good for others.
    #[arg(long)]
    waive_pkce: bool,
    /// Ask customers before it learns who they are.
    #[arg(long)]
    ask_consent: bool,
    /// ES256, RS256 or EdDSA, in place of the preset's.
    #[arg(long, value_name = "ALGORITHM")]
    algorithm: Option<String>,
    /// Put what the scopes say into the ID token too.
    #[arg(long)]
    profile_in_id_token: bool,
    /// What it may ask for beside openid, in place of the preset's: profile, email, offline_access; may be repeated.
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<String>,
    /// How answers reach it, in place of the preset's: query, form_post or either.
    #[arg(long, value_name = "WAY")]
    answers: Option<String>,
    #[command(flatten)]
    at: Directory,
}

#[derive(Debug, clap::Args)]
struct One {
    /// Its id, as `client list` prints it.
    #[arg(value_name = "CLIENT")]
    client: RelyingId,
    #[command(flatten)]
    at: Directory,
}

#[derive(Debug, clap::Args)]
struct ScopesOptions {
    #[command(flatten)]
    one: One,
    /// What it may ask for beside openid: profile, email, offline_access; may be repeated. None: openid alone.
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<String>,
}

#[derive(Debug, clap::Args)]
struct RotateOptions {
    #[command(flatten)]
    one: One,
    /// How long the secret before is still good; 0 for one that leaked.
    #[arg(long, value_name = "HOURS", default_value_t = 24)]
    overlap_hours: u32,
}

#[derive(Debug, clap::Subcommand)]
enum KeysWord {
    /// Print all that are believed: name, algorithm, from when and until when.
    List(Directory),
    /// Make the next key of an algorithm: it signs from tomorrow on.
    Rotate(RotateKeys),
}

#[derive(Debug, clap::Args)]
struct RotateKeys {
    /// ES256, RS256 or EdDSA.
    #[arg(long, default_value = "ES256")]
    algorithm: String,
    /// It signs now, and tokens of the keys before are believed no more: for a key that somebody may have.
    #[arg(long)]
    at_once: bool,
    #[command(flatten)]
    at: Directory,
}

pub fn oidc(options: &Options) -> Done {
    match &options.word {
        Word::Client(ClientWord::Add(add)) => add_client(add),
        Word::Client(ClientWord::List(at)) => list_clients(&open::open(&at.dir)?),
        Word::Client(ClientWord::Show(one)) => {
            let opened = open::open(&one.at.dir)?;
            let client = finished(registry(&opened).find(one.client))?.context("oidc client show")?;
            show(&opened, &client, None)
        }
        Word::Client(ClientWord::SetScopes(set)) => {
            let opened = open::open(&set.one.at.dir)?;
            let scopes = scopes(&set.scopes)?;
            let registry = registry(&opened);
            finished(registry.set_scopes(set.one.client, scopes.clone(), Actor::Operator))?
                .context("oidc client set-scopes")?;
            say(format!("{} may ask for {scopes}.", set.one.client))
        }
        Word::Client(ClientWord::RotateSecret(rotate)) => {
            let opened = open::open(&rotate.one.at.dir)?;
            let registry = registry(&opened);
            let work = registry.rotate_secret(rotate.one.client, rotate.overlap_hours, Actor::Operator);
            let secret = finished(work)?.context("oidc client rotate-secret")?;
            say(format!("client_secret  {}", secret.expose()))?;
            say(format!(
                "It is not shown again. The one before is good for {} hours more.",
                rotate.overlap_hours
            ))
        }
        Word::Client(ClientWord::Remove(one)) => {
            let opened = open::open(&one.at.dir)?;
            finished(registry(&opened).remove(one.client, Actor::Operator))?.context("oidc client remove")?;
            say(format!("Removed {}.", one.client))
        }
        Word::Keys(KeysWord::List(at)) => list_keys(&open::open(&at.dir)?),
        Word::Keys(KeysWord::Rotate(rotate)) => {
            let opened = open::open(&rotate.at.dir)?;
            let algorithm = algorithm(&rotate.algorithm)?;
            let haste = if rotate.at_once { Haste::AtOnce } else { Haste::Planned };
            let registry = registry(&opened);
            let made = finished(registry.keys().rotate(algorithm, haste, Actor::Operator))?;
            say(format!("Made {} ({}).", made.context("oidc keys rotate")?, algorithm.name()))
        }
    }
}

fn algorithm(text: &str) -> Done<Algorithm> {
    Algorithm::of_name(text)
        .ok_or_else(|| Failure::new(format!("`{text}` is no algorithm")).hint("ES256, RS256 or EdDSA"))
}

/// What `--scope` says; `openid` is always among it.
fn scopes(given: &[String]) -> Done<Scopes> {
    if let Some(unknown) =
        given.iter().find(|name| Scope::ALL.iter().all(|scope| scope.name() != name.as_str()))
    {
        let known = Scope::ALL.map(Scope::name).join(", ");
        return Err(Failure::new(format!("`{unknown}` is no scope")).hint(known));
    }
    Ok(Scopes::parse(&format!("openid {}", given.join(" "))))
}

fn draft(options: &AddOptions) -> Done<Draft> {
    let preset = Preset::of_word(&options.preset).ok_or_else(|| {
        let known = PRESETS.iter().map(|preset| preset.word).collect::<Vec<_>>().join(", ");
        Failure::new(format!("there are no ready-made settings `{}`", options.preset)).hint(known)
    })?;
    let mut draft = preset.draft(&options.name, options.url.as_deref());
    if options.public {
        draft.kind = Kind::Public;
    }
    if options.waive_pkce {
        draft.pkce = Pkce::Waived;
    }
    if options.ask_consent {
        draft.consent = Consent::Asked;
    }
    if options.profile_in_id_token {
        draft.id_token = IdToken::WithProfile;
    }
    if let Some(text) = &options.algorithm {
        draft.algorithm = algorithm(text)?;
    }
    if !options.scopes.is_empty() {
        draft.scopes = scopes(&options.scopes)?;
    }
    if let Some(word) = &options.answers {
        let unknown = || Failure::new(format!("`{word}` is no way of an answer"));
        draft.answers = Answers::of_word(word).ok_or_else(|| unknown().hint("query, form_post or either"))?;
    }
    for (own, given) in [
        (&mut draft.redirect_uris, &options.redirect_uris),
        (&mut draft.logout_uris, &options.logout_uris),
        (&mut draft.origins, &options.origins),
    ] {
        if !given.is_empty() {
            own.clone_from(given);
        }
    }
    draft.backchannel_uri = options.backchannel_uri.clone();
    Ok(draft)
}

fn add_client(options: &AddOptions) -> Done {
    let draft = draft(options)?;
    draft.check().map_err(|why| Failure::new(why).hint("see `storeward oidc client add --help`"))?;
    let opened = open::open(&options.at.dir)?;
    if opened.loaded.config.oidc.is_none() {
        return Err(Failure::new("the provider is off").hint("add the section [oidc] to storeward.toml"));
    }
    let added = finished(registry(&opened).add(draft, Actor::Operator))?;
    let Added { client, secret } = added.context("oidc client add")?;
    show(&opened, &client, secret.as_ref())
}

/// The issuer as the config has it; a running program whose port the system chose knows better.
fn issuer(opened: &Opened) -> String {
    let config = &opened.loaded.config;
    let own = config.identity.as_ref().and_then(|policy| policy.host.clone());
    let host = own.or_else(|| config.domain.list().into_iter().next()).unwrap_or_default();
    match config.listen.https.port() {
        443 => format!("https://{host}{PREFIX}"),
        port => format!("https://{host}:{port}{PREFIX}"),
    }
}

fn show(opened: &Opened, client: &Client, secret: Option<&Secret<String>>) -> Done {
    say(format!("issuer         {}", issuer(opened)))?;
    say(format!("client_id      {}", client.id))?;
    match (secret, client.kind) {
        (Some(secret), _) => say(format!("client_secret  {}   (not shown again)", secret.expose()))?,
        (None, Kind::Confidential) => {
            say("client_secret  kept as a mark only; `rotate-secret` makes a new one")?
        }
        (None, Kind::Public) => say("client_secret  none: a public client")?,
    }
    say(format!("name           {} ({})", client.name, client.preset))?;
    let (pkce, consent) = (client.pkce.word(), client.consent.word());
    say(format!(
        "settings       PKCE {pkce}, consent {consent}, {}, ID token {}, answers {}",
        client.algorithm.name(),
        client.id_token.word(),
        client.answers.word()
    ))?;
    say(format!("scope          {}", client.scopes))?;
    let lists =
        [("redirect", &client.redirect_uris), ("logout", &client.logout_uris), ("origin", &client.origins)];
    for (label, list) in lists {
        for one in list {
            say(format!("{label:<14} {one}"))?;
        }
    }
    if let Some(uri) = &client.backchannel_uri {
        say(format!("{:<14} {uri}", "backchannel"))?;
    }
    for warning in client.warnings() {
        say(format!("! {}", warning.words()))?;
    }
    Ok(())
}

fn list_clients(opened: &Opened) -> Done {
    let clients = finished(registry(opened).list())?.context("the clients")?;
    for client in &clients {
        let (kind, pkce) = (client.kind.word(), client.pkce.word());
        let (id, name) = (client.id, &client.name);
        let algorithm = client.algorithm.name();
        say(format!("{id}  {name}  {kind}, PKCE {pkce}, {algorithm}, scope {}", client.scopes))?;
        for warning in client.warnings() {
            say(format!("  ! {}", warning.words()))?;
        }
    }
    if clients.is_empty() {
        say("None yet. `storeward oidc client add --name … --preset … --url …` adds one.")?;
    }
    Ok(())
}

fn list_keys(opened: &Opened) -> Done {
    let keys = finished(registry(opened).keys().list())?.context("the keys")?;
    for key in &keys {
        let now = if key.signs { "signs now" } else { "" };
        let until = key.ends_at.map_or_else(String::new, |at| format!(" until {at}"));
        say(format!("{}  {}  from {}{until}  {now}", key.kid, key.algorithm.name(), key.signs_from))?;
    }
    if keys.is_empty() {
        say("None yet: the first one is made when the provider starts.")?;
    }
    Ok(())
}
