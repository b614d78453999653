//! Runs the sample shop alone: `demo-shop --listen 127.0.0.1:8080 --database shop.sqlite [--no-holes]`.
#![forbid(unsafe_code)]

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use storeward_demo_shop::{Error, Holes, Shop, ShopOptions, demo_credentials};

const USAGE: &str = "usage: demo-shop [--listen 127.0.0.1:8080] [--database shop.sqlite] [--no-holes]";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let Some((listen, options)) = arguments() else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    match run(listen, options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(cause) => {
            eprintln!("demo-shop: {cause}");
            ExitCode::FAILURE
        }
    }
}

fn arguments() -> Option<(SocketAddr, ShopOptions)> {
    let mut listen = SocketAddr::from(([127, 0, 0, 1], 8080));
    let mut options = ShopOptions { database: PathBuf::from("shop.sqlite"), holes: Holes::On, pay: None };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--listen" => listen = arguments.next()?.parse().ok()?,
            "--database" => options.database = PathBuf::from(arguments.next()?),
            "--no-holes" => options.holes = Holes::Off,
            _ => return None,
        }
    }
    Some((listen, options))
}

async fn run(listen: SocketAddr, options: ShopOptions) -> Result<(), Error> {
    let shop = Shop::open(options)?;
    let listener = tokio::net::TcpListener::bind(listen).await?;
    let demo = demo_credentials();
    println!("The shop is open at http://{}/", listener.local_addr()?);
    println!("Customer: {} / {}", demo.customer.email, demo.customer.password);
    println!("Office:   {} / {}", demo.admin.email, demo.admin.password);
    let stop = async {
        let _cannot_listen = tokio::signal::ctrl_c().await;
    };
    shop.serve(listener, stop).await
}
