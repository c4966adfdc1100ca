"""The page on which the demo's mails can be looked at, without the shop that its pictures came from."""

import re
from base64 import b64encode
from collections.abc import Sequence
from email.message import EmailMessage
from html import escape
from pathlib import Path
from string import Template

import httpx2

_PICTURE = re.compile(r'src="(http://[^"]+)"')
_PAGE = Template("""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Watchpost demo: $count mails</title>
<style>
  :root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
  body { max-width: 46rem; margin: 0 auto; padding: 1rem; }
  article { margin: 2rem 0 3rem; }
  h2 { font-size: 1.1rem; margin: 0; overflow-wrap: anywhere; }
  p { margin: .25rem 0 .75rem; opacity: .8; overflow-wrap: anywhere; }
  .why { margin: 0; font-size: .9rem; }
  iframe { width: 100%; height: 58rem; border: 1px solid #8884; border-radius: .5rem; }
  pre { white-space: pre-wrap; overflow-wrap: anywhere; padding: 1rem; border: 1px solid #8884; border-radius: .5rem; }
  summary { cursor: pointer; margin-top: .5rem; }
</style>
<h1>The demo's $count mails</h1>
<p>In the order they were sent. Each is also kept as a file in <a href="mails/">mails/</a>.</p>
$articles
<script>
  for (const frame of document.querySelectorAll("iframe")) {
    const fit = () => {
      frame.style.height = "0";
      frame.style.height = frame.contentDocument.documentElement.scrollHeight + "px";
    };
    if (frame.contentDocument.readyState === "complete") fit();
    frame.addEventListener("load", fit);
    addEventListener("resize", fit);
  }
</script>
</html>
""")
# `allow-same-origin` lets the page measure a mail; scripts in it stay forbidden.
_ARTICLE = Template("""<article>
<p class="why">$why</p>
<h2>$number. $subject</h2>
<p>To $recipient, $date &middot; <a href="mails/$file">$file</a></p>
<iframe sandbox="allow-same-origin" title="Mail $number as HTML" srcdoc="$html"></iframe>
<details><summary>Plain text</summary><pre>$text</pre></details>
</article>""")


def write(page: Path, mails: Sequence[tuple[str, EmailMessage]], shop_url: str) -> None:
    """Write the page; each mail comes with what led to it. The shop must still run: its pictures are put into the page itself."""
    pictures: dict[str, str] = {}
    articles = [_article(number, why, mail, shop_url, pictures) for number, (why, mail) in enumerate(mails, start=1)]
    page.write_text(_PAGE.substitute(count=len(mails), articles="\n".join(articles)), encoding="utf-8")


def _article(number: int, why: str, mail: EmailMessage, shop_url: str, pictures: dict[str, str]) -> str:
    html = _PICTURE.sub(lambda found: f'src="{_embedded(found[1], shop_url, pictures)}"', _part(mail, "html"))
    return _ARTICLE.substitute(
        number=number,
        why=escape(why),
        subject=escape(str(mail["Subject"])),
        recipient=escape(str(mail["To"])),
        date=escape(str(mail["Date"])),
        file=f"{number:02}.eml",
        html=escape(html),
        text=escape(_part(mail, "plain")),
    )


def _part(mail: EmailMessage, kind: str) -> str:
    part = mail.get_body((kind,))
    return str(part.get_content()) if part is not None else ""


def _embedded(url: str, shop_url: str, pictures: dict[str, str]) -> str:
    """The picture as a data URL; only our own shop is asked."""
    if not url.startswith(f"{shop_url}/"):
        return url
    if url not in pictures:
        answer = httpx2.get(url, timeout=5)
        kind = answer.headers.get("content-type", "image/png")
        pictures[url] = f"data:{kind};base64,{b64encode(answer.content).decode()}" if answer.is_success else url
    return pictures[url]
