//! `mcp`: the protocol of coding agents, spoken line by line to the real program.

use crate::common::{binary, chart};
use base64::Engine;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

/// A client that has begun the protocol.
struct Client {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    next: u64,
}

impl Client {
    fn new(arguments: &[&str]) -> Self {
        let mut command = binary();
        command.arg("mcp").args(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let (input, output) = (child.stdin.take(), BufReader::new(child.stdout.take().unwrap()));
        let mut client = Client { child, input, output, next: 0 };
        let hello = json!({"protocolVersion": "2025-06-18", "capabilities": {},
            "clientInfo": {"name": "test", "version": "1"}});
        let answer = client.ask("initialize", hello);
        assert_eq!(answer["result"]["serverInfo"]["name"], "visual-sdpo", "{answer}");
        assert_eq!(answer["result"]["protocolVersion"], "2025-06-18", "{answer}");
        client.say(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}).to_string());
        client
    }

    fn say(&mut self, line: &str) {
        writeln!(self.input.as_mut().unwrap(), "{line}").unwrap();
    }

    /// The answer to a request; every line of the server is a message of the protocol.
    fn ask(&mut self, method: &str, params: Value) -> Value {
        self.next += 1;
        let id = self.next;
        self.say(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}).to_string());
        loop {
            let mut line = String::new();
            assert!(self.output.read_line(&mut line).unwrap() > 0, "the server ended");
            let message: Value = serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}"));
            if message["id"] == id {
                return message;
            }
        }
    }

    fn call(&mut self, tool: &str, arguments: Value) -> Value {
        self.ask("tools/call", json!({"name": tool, "arguments": arguments}))
    }

    /// Ends the input, and with it the server.
    fn end(mut self) {
        drop(self.input.take());
        assert!(self.child.wait().unwrap().success());
    }
}

const COVERED: &str = "import matplotlib.pyplot as plt\nplt.bar(['a', 'b', 'c'], [1, 2, 3], label='x')\n\
    plt.legend(loc='upper right')\n";

/// The sizes of the pictures of an answer.
fn pictures(answer: &Value) -> Vec<(u32, u32)> {
    let blocks = answer["result"]["content"].as_array().unwrap();
    let picture = |block: &Value| {
        let data = block["data"].as_str().filter(|_| block["type"] == "image")?;
        let bytes = base64::engine::general_purpose::STANDARD.decode(data).unwrap();
        let picture = image::load_from_memory(&bytes).unwrap().to_rgba8();
        assert_eq!(block["mimeType"], "image/png");
        Some(picture.dimensions())
    };
    blocks.iter().filter_map(picture).collect()
}

fn text(answer: &Value) -> &str {
    answer["result"]["content"][0]["text"].as_str().unwrap_or_else(|| panic!("{answer}"))
}

#[test]
fn an_agent_lints_files_and_code() {
    let mut client = Client::new(&[]);
    let tools = client.ask("tools/list", json!({}));
    let tools = tools["result"]["tools"].as_array().unwrap();
    let names: Vec<&str> = tools.iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["lint", "render", "explain"]);
    assert!(tools.iter().all(|tool| tool["inputSchema"]["additionalProperties"] == false));

    let found = client.call("lint", json!({"code": COVERED}));
    assert!(text(&found).contains("chart/legend-covers-data"), "{found}");
    assert_eq!(found["result"]["isError"], false);
    let file = &found["result"]["structuredContent"]["files"][0];
    let finding = &file["findings"][0];
    assert_eq!((&finding["lines"], &finding["help"]), (&json!([3, 3]), &json!("loc='upper left'")));
    assert_eq!(finding["statement"], "plt.legend(loc='upper right')");
    assert_eq!(pictures(&found), [(640, 480)]);

    let clean = client.call("lint", json!({"path": chart("clean.py"), "picture": false}));
    assert_eq!(clean["result"]["structuredContent"]["files"][0]["findings"], json!([]), "{clean}");
    assert_eq!(pictures(&clean), []);
    let ignored = client.call("lint", json!({"code": COVERED, "level": "error", "picture": false}));
    assert_eq!(ignored["result"]["structuredContent"]["files"][0]["findings"], json!([]));

    let magic =
        client.call("lint", json!({"code": format!("%matplotlib inline\n{COVERED}"), "picture": false}));
    assert_eq!(magic["result"]["structuredContent"]["files"][0]["findings"][0]["lines"], json!([4, 4]));
    let page = client.call("render", json!({"code": "<h1>Hello</h1>"}));
    assert_eq!(pictures(&page).len(), 1, "{page}");
    let rule = client.call("explain", json!({"rule": "legend-covers-data"}));
    assert!(text(&rule).contains("chart/legend-covers-data"), "{rule}");
    client.end();
}

#[test]
fn what_goes_wrong_is_an_answer_and_the_server_goes_on() {
    let mut client = Client::new(&["--timeout", "1"]);
    let failed = client.call("lint", json!({"code": "1/0"}));
    assert_eq!(failed["result"]["isError"], true);
    assert!(text(&failed).contains("ZeroDivisionError"), "{failed}");
    let endless = client.call("render", json!({"code": "while True: pass"}));
    assert_eq!(endless["result"]["isError"], true);
    assert!(text(&endless).contains("longer than 1 s"), "{endless}");
    let nowhere = client.call("lint", json!({"path": "/nonexistent/chart.py"}));
    assert!(nowhere["result"]["isError"] == true && text(&nowhere).starts_with("error: "), "{nowhere}");
    assert_eq!(client.call("lint", json!({"path": "-"}))["result"]["isError"], true);

    let wrong = |answer: Value| answer["error"]["message"].as_str().unwrap_or_default().to_owned();
    assert!(wrong(client.call("lint", json!({}))).contains("either `path` or `code`"));
    assert!(wrong(client.call("lint", json!({"code": "x", "colour": 1}))).contains("colour"));
    assert!(wrong(client.call("render", json!({"code": "x", "picture": true}))).contains("`lint` does"));
    assert!(text(&client.call("lint", json!({"code": " "}))).contains("the code is empty"));
    assert!(wrong(client.call("paint", json!({}))).contains("the tools are lint, render and explain"));
    client.say("this is no message");
    let after = client.call("lint", json!({"code": COVERED, "picture": false}));
    assert!(text(&after).contains("legend-covers-data"), "{after}");
    client.end();
}

#[test]
fn code_reads_no_folder_but_the_one_that_is_named() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("data.txt"), "1 2 3").unwrap();
    let path = dir.path().join("data.txt");
    let code = format!(
        "import matplotlib.pyplot as plt\nplt.plot([float(v) for v in open({path:?}).read().split()])\n"
    );
    let mut client = Client::new(&[]);
    let closed = client.call("render", json!({"code": code}));
    assert!(closed["result"]["isError"] == true && text(&closed).contains("PermissionError"), "{closed}");
    let open = client.call("render", json!({"code": code, "folder": dir.path()}));
    assert_eq!(pictures(&open), [(640, 480)], "{open}");
    client.end();
}
