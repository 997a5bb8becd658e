"""Office worker: loads LibreOffice once, then turns one deck after the other into pictures of its slides.

The supervisor (Rust, `crates/render/src/office`) starts this file with one SOCK_SEQPACKET socket as standard
input. First packet: the policy; answer: where Python lies and which layers could be set up. Second packet: the
landlock rules; answer: the office's version. Then one packet per deck, with two descriptors (deck, result),
answered when the result is complete.

The sandbox is closed before LibreOffice is loaded, because threads that exist already would stay outside of it.
From the first deck on, this process counts as the deck's: what it reports is a claim that the supervisor checks.
"""

import mmap
import os
import resource
import shutil
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import zygote
from vsdpo_office import kit, pdf
from vsdpo_office.deck import cut_slides, slide_size

LOADING = 3 << 30  # address space while LibreOffice is loaded; afterwards it is limited to what that took
MAX_TEXT = 500  # characters of a word; longer ones are cut


class Refused(Exception):
    """A deck breaks a limit: the kind of failure and its message."""

    def __init__(self, kind, message):
        super().__init__(message)
        self.kind = kind


class Worker:
    """The office, its folder, and the limits of one deck."""

    def __init__(self, orders, folder):
        self.width, self.most_slides = orders["width"], orders["most_slides"]
        self.most_pixels, self.most_total = orders["most_pixels"], orders["most_total"]
        self.records_at, self.records_max = orders["records_at"], orders["records_max"]
        self.frame_at = orders["frame_at"]
        self.inbox = os.path.join(folder, "deck")
        temporary = os.path.join(folder, "tmp")
        os.mkdir(temporary)
        os.environ.update(HOME=folder, TMPDIR=temporary)
        profile = kit.write_profile(os.path.join(folder, "profile"), orders["program"])
        pdf.start()
        self.office = kit.Office(orders["program"], profile)

    def handle(self, request, deck, result):
        """Renders one deck and writes what came out."""
        shutil.rmtree(self.inbox, ignore_errors=True)
        os.mkdir(self.inbox)
        try:
            state, body = 0, self.render(request, deck, result)
        except Refused as refused:
            state, body = 1, {"kind": refused.kind, "message": str(refused)}
        except kit.Failed as failed:
            state, body = 1, {"kind": "exception", "message": f"LibreOffice: {failed}"}
        except MemoryError:
            state, body = 1, {"kind": "memory", "message": "the memory limit was met"}
        except Exception as error:
            state, body = 1, {"kind": "exception", "message": f"{type(error).__name__}: {error}"}
        finally:
            shutil.rmtree(self.inbox, ignore_errors=True)
        height = body.pop("height", 0)
        records, pixels = zygote.encode(body), self.width * height * 4 * len(body.get("words", ()))
        with mmap.mmap(result, self.frame_at) as buffer:
            buffer[self.records_at : self.records_at + len(records)] = records
            header = zygote.MAGIC, 1, state, self.width, height, len(records), pixels
            buffer[: zygote.HEADER.size] = zygote.HEADER.pack(*header)

    def render(self, request, deck, result):
        source, target = (os.path.join(self.inbox, name) for name in ("deck.pptx", "deck.pdf"))
        with open(source, "wb") as file:
            file.write(os.pread(deck, request["size"], 0))
        cut = cut_slides(source, self.most_slides)
        total = max(cut, self.office.export(source, target, self.most_slides))
        if total <= 0:
            raise Refused("no-figure", "the deck has no slides")
        with pdf.Pages(target) as pages:
            if pages.count == 0:
                raise Refused("exception", "LibreOffice wrote no pages")
            size = slide_size(source) or pages.points()
            height = max(1, round(self.width * size[1] / size[0]))
            if self.width * height > self.most_pixels:
                raise Refused("limit", f"a slide has {self.width} x {height} pixels; {self.most_pixels} are allowed")
            return self.draw(pages, total, height, result)

    def draw(self, pages, total, height, result):
        """Puts the pages into the result, one behind the other, and returns the records."""
        area = self.width * height
        count = min(pages.count, self.most_slides, max(1, self.most_total // area))
        slides, left, cut = [], self.records_max // 2, False
        for index in range(count):
            at = self.frame_at + index * area * 4
            start = at // mmap.ALLOCATIONGRANULARITY * mmap.ALLOCATIONGRANULARITY
            with mmap.mmap(result, at - start + area * 4, offset=start) as buffer:
                with memoryview(buffer) as view, view[at - start :] as target:
                    words = pages.draw(index, self.width, height, target)
            kept = []
            for word in words:
                word[0] = word[0][:MAX_TEXT]
                left -= 60 + 6 * len(word[0])
                if left < 0:
                    cut = True
                    break
                kept.append(word)
            slides.append(kept)
        return {"slides": total, "height": height, "words": slides, "cut": cut}


def can_list_root():
    try:
        return bool(os.listdir("/"))
    except OSError:
        return False


def main():
    sock = zygote.take_socket()
    orders, _ = zygote.receive(sock)
    policy = zygote.Policy(orders)
    zygote.go_first()
    layers = zygote.isolate(policy, os.getuid(), os.getgid())
    paths = zygote.library_paths()
    if policy.uid is not None and not zygote.can_drop(policy.uid, [*paths, orders["program"]]):
        policy.uid = None
    folder = policy.scratch[0]
    if policy.uid is not None and not layers["tmpfs"]:
        os.chown(folder, policy.uid, policy.uid)
    layers["uid"] = policy.uid is not None
    zygote.send(sock, {"paths": paths, **layers})
    _, fds = zygote.receive(sock)
    policy.address_space = zygote.address_space() + LOADING
    # Opened now, because the sandbox closes /proc.
    with open("/proc/self/statm") as statm:
        zygote.close_sandbox(policy, 0, fds[0], os.getppid())
        worker = Worker(orders, folder)
        limit = int(statm.read().split()[0]) * mmap.PAGESIZE + policy.memory
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    facts = {"version": worker.office.version(), "packages": zygote.versions(orders["packages"])}
    zygote.send(sock, {**facts, "closed": not can_list_root()})
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    while (packet := zygote.receive(sock)) is not None:
        request, (deck, result) = packet
        worker.handle(request, deck, result)
        os.close(deck)
        os.close(result)
        zygote.send(sock, {"job": request["job"]})


if __name__ == "__main__":
    main()
