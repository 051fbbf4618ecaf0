//! Sends messages to the nodes that URLs name, and waits until all of them are accepted.

use std::error::Error;
use std::process::{ExitCode, exit};

use adapter_tokio::{
    Address, Completions, Connection, Container, Dial, Endpoint, Message, Sender, SenderOptions,
};
use clap::{CommandFactory, Parser};

/// Sends messages to each URL, such as amqp://127.0.0.1:5672/examples, and waits until they are accepted
#[derive(Parser)]
#[command(name = "send")]
struct Arguments {
    /// Where to send to
    #[arg(value_name = "URL")]
    urls: Vec<Address>,
    /// Messages to send to each URL
    #[arg(long, default_value_t = 1)]
    count: usize,
    /// Tell what happens
    #[arg(long)]
    debug: bool,
}

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome<ExitCode> {
    let arguments = Arguments::parse();
    if arguments.urls.is_empty() {
        eprintln!("No URL provided\n{}", Arguments::command().render_help());
        return Ok(ExitCode::FAILURE);
    }
    let container = Container::new(format!("send[{}]", std::process::id()));
    let completions = Completions::new();
    let total = arguments.count.saturating_mul(arguments.urls.len());
    let mut sending = Vec::new();
    for url in arguments.urls {
        let (container, completions) = (container.clone(), completions.clone());
        sending.push(tokio::spawn(async move {
            send(&container, url, arguments.count, &completions).await.unwrap_or_else(|error| fail(&*error))
        }));
    }
    for _ in 0..total {
        let (outcome, body) = completions.next().await;
        outcome.accepted().unwrap_or_else(|error| fail(&error));
        if arguments.debug {
            eprintln!("accepted: {body}");
        }
    }
    println!("Received all {total} acknowledgements");
    for sender in sending {
        let (connection, _sender) = sender.await?;
        connection.close().await?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Sends `count` messages whose outcomes go to `completions`. The link stays open until then.
async fn send(
    container: &Container,
    url: Address,
    count: usize,
    completions: &Completions<String>,
) -> Outcome<(Connection, Sender)> {
    let path = url.path().to_owned();
    let connection = container.dial(url).await?;
    let sender = connection.sender(SenderOptions::new(path.as_str()))?;
    for number in 0..count {
        let body = format!("{path}{number}");
        sender.send_async(Message::value(body.as_str()), completions, body).await?;
    }
    Ok((connection, sender))
}

/// Ends the program: the outcomes that it waits for will not come.
fn fail(error: &dyn Error) -> ! {
    eprintln!("Error: {error}");
    exit(1)
}
