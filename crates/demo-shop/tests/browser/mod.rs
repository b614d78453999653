//! A shop on a real listener, and a small client that keeps cookies and reads CSRF tokens like a browser.

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use storeward_demo_shop::{DemoAccount, Holes, Shop, ShopOptions};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

pub struct TestShop {
    pub address: std::net::SocketAddr,
    pub folder: tempfile::TempDir,
    stop: oneshot::Sender<()>,
    served: tokio::task::JoinHandle<()>,
}

impl TestShop {
    pub async fn open(holes: Holes) -> TestShop {
        let folder = tempfile::tempdir().unwrap();
        let shop = Shop::open(ShopOptions { database: folder.path().join("shop.sqlite"), holes, pay: None })
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let served = tokio::spawn(async move {
            let stop = async {
                let _dropped = stopped.await;
            };
            shop.serve(listener, stop).await.unwrap();
        });
        TestShop { address, folder, stop, served }
    }

    pub fn browser(&self) -> Browser {
        Browser { address: self.address, cookie: None }
    }

    pub async fn close(self) {
        self.stop.send(()).unwrap();
        self.served.await.unwrap();
    }
}

pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8(self.body.to_vec()).unwrap()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

pub struct Browser {
    pub address: std::net::SocketAddr,
    pub cookie: Option<String>,
}

impl Browser {
    pub async fn send(&mut self, request: http::request::Builder, body: impl Into<Bytes>) -> Answer {
        let response = self.open(request, body).await;
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    /// The answer as soon as its head is there, for streams.
    pub async fn open(
        &mut self,
        mut request: http::request::Builder,
        body: impl Into<Bytes>,
    ) -> http::Response<hyper::body::Incoming> {
        let stream = TcpStream::connect(self.address).await.unwrap();
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        request = request.header("host", "shop.test");
        if let Some(cookie) = &self.cookie {
            request = request.header("cookie", cookie);
        }
        let response = sender.send_request(request.body(Full::new(body.into())).unwrap()).await.unwrap();
        if let Some(set) = response.headers().get("set-cookie") {
            self.cookie = Some(set.to_str().unwrap().split(';').next().unwrap().to_owned());
        }
        response
    }

    pub async fn get(&mut self, path: &str) -> Answer {
        self.send(Request::get(path), Bytes::new()).await
    }

    /// The token that this session's forms carry.
    pub async fn csrf(&mut self) -> String {
        let page = self.get("/account/sign-in").await.text();
        let (_before, rest) = page.split_once("name=\"csrf\" value=\"").unwrap();
        rest.split('"').next().unwrap().to_owned()
    }

    pub async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let csrf = self.csrf().await;
        self.post_with(path, &csrf, fields).await
    }

    pub async fn post_with(&mut self, path: &str, csrf: &str, fields: &[(&str, &str)]) -> Answer {
        let mut body = format!("csrf={csrf}");
        for (name, value) in fields {
            body.push_str(&format!("&{name}={}", encode(value)));
        }
        let request = Request::post(path).header("content-type", "application/x-www-form-urlencoded");
        self.send(request, body).await
    }

    pub async fn sign_in(&mut self, account: DemoAccount) {
        let fields = [("email", account.email), ("password", account.password)];
        let answer = self.post("/account/sign-in", &fields).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text());
    }

    pub async fn upload(&mut self, csrf: &str, picture: &[u8]) -> Answer {
        let mut body = format!(
            "--edge\r\ncontent-disposition: form-data; name=\"csrf\"\r\n\r\n{csrf}\r\n--edge\r\n\
             content-disposition: form-data; name=\"picture\"; filename=\"me.png\"\r\ncontent-type: image/png\r\n\r\n"
        )
        .into_bytes();
        body.extend_from_slice(picture);
        body.extend_from_slice(b"\r\n--edge--\r\n");
        let request =
            Request::post("/account/picture").header("content-type", "multipart/form-data; boundary=edge");
        self.send(request, body).await
    }
}

pub fn encode(text: &str) -> String {
    text.bytes()
        .map(
            |byte| {
                if byte.is_ascii_alphanumeric() {
                    char::from(byte).to_string()
                } else {
                    format!("%{byte:02X}")
                }
            },
        )
        .collect()
}
