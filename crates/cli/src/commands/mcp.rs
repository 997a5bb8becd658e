//! `mcp`: the tools `lint`, `render` and `explain` for coding agents, by the Model Context Protocol
//! on standard input and output.
//!
//! One thread speaks the protocol, another one renders, so that a client can ask for the tools
//! while a script runs. Calls are rendered one after the other, each within the limits of `lint`.

mod picture;
mod tools;

use super::environment::Environment;
use super::input::Rendering;
use crate::Exit;
use anyhow::{Context, Result};
use clap::Parser;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, Implementation, InitializeResult,
    ListToolsResult, PaginatedRequestParams, ServerCapabilities, ServerConfig,
};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer, ServerHandler, ServiceExt};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use tokio::sync::oneshot;
use tools::{Call, Tools};

/// Serve the tools `lint`, `render` and `explain` to a coding agent (Model Context Protocol).
///
/// The client starts this program and speaks to it by standard input and output; it ends with its
/// input. Scripts and pages run in the same sandbox as those of `lint`.
///
/// Example of a client's configuration: {"command": "visual-sdpo", "args": ["mcp"]}
#[derive(Parser)]
pub struct Args {
    #[command(flatten)]
    rendering: Rendering,
    #[command(flatten)]
    environment: Environment,
}

const INSTRUCTIONS: &str = "Look at what your code draws before you hand it over: `lint` runs a \
    matplotlib script, an HTML page or a slide deck in a sandbox and returns its picture and the \
    visual defects in it, each with the statement to change and a change that removes it. `render` \
    returns the picture alone. `explain` says what a rule means.";

/// A call on its way to the thread that renders.
struct Job {
    call: Call,
    /// Whether the client has taken it back.
    cancelled: Box<dyn Fn() -> bool + Send>,
    reply: oneshot::Sender<CallToolResult>,
}

pub fn run(args: &Args) -> Result<Exit> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("cannot start the protocol")?;
    std::thread::scope(|scope| {
        let (jobs, waiting) = mpsc::channel::<Job>();
        scope.spawn(move || {
            let mut tools = Tools::new(&args.rendering, &args.environment);
            for job in waiting.into_iter().filter(|job| !(job.cancelled)()) {
                let answer = catch_unwind(AssertUnwindSafe(|| tools.answer(job.call)));
                let answer =
                    answer.unwrap_or_else(|_| failure("a bug in visual-sdpo; its place stands in the log"));
                // A call that was cancelled meanwhile wants no answer.
                let _ = job.reply.send(answer);
            }
        });
        runtime.block_on(async {
            let transport = (tokio::io::stdin(), tokio::io::stdout());
            let service =
                Server { jobs }.serve(transport).await.context("the client did not begin the protocol")?;
            service.waiting().await.context("the protocol broke off")
        })
    })?;
    Ok(Exit::Fine)
}

/// A tool's answer that says what went wrong.
fn failure(why: &str) -> CallToolResult {
    CallToolResult::error(vec![ContentBlock::text(why)])
}

/// The side of the protocol.
struct Server {
    jobs: mpsc::Sender<Job>,
}

impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        InitializeResult::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(Implementation::new("visual-sdpo", env!("CARGO_PKG_VERSION")))
            .with_instructions(INSTRUCTIONS)
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(tools::all()))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let call = Call::new(&request.name, request.arguments.unwrap_or_default());
        let call = call.map_err(|e| ErrorData::invalid_params(format!("{e:#}"), None))?;
        let (reply, answer) = oneshot::channel();
        let gone =
            |_| ErrorData::internal_error("the renderer has ended; help: start the server again", None);
        let cancelled = Box::new(move || context.ct.is_cancelled());
        self.jobs.send(Job { call, cancelled, reply }).map_err(|_| gone(()))?;
        Ok(answer.await.map_err(|_| gone(()))?.into())
    }
}
