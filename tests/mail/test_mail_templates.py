"""Templates and sentences an operator overrides, and what is said when they are wrong."""

import shutil
from pathlib import Path

import pytest

from tests.support.letters import make_digest, make_item, make_price
from worker import paths
from worker.errors import TemplateError
from worker.mail.render import Renderer


def write(folder: Path, name: str, text: str) -> None:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


def refusal(folder: Path, default_language: str = "en") -> str:
    with pytest.raises(TemplateError) as refused:
        Renderer(folder, default_language).check()
    return str(refused.value)


def test_the_shipped_templates_are_sound() -> None:
    Renderer(None, "en").check()


def test_one_file_can_be_overridden_alone(tmp_path: Path) -> None:
    write(tmp_path, "watch/subject.txt", "Hey {{ digest.items[0].product_name }}\n")
    renderer = Renderer(tmp_path, "en")
    renderer.check()
    mail = renderer.render("watch", make_digest())
    assert mail.subject == "Hey Desk lamp"
    assert "Cheaper now" in mail.html


def test_the_style_can_be_overridden_alone(tmp_path: Path) -> None:
    write(tmp_path, "style.css", "h1 { color: #abcdef; }")
    assert '<h1 style="color: #abcdef;">' in Renderer(tmp_path, "en").render("watch", make_digest()).html


def test_one_sentence_can_be_overridden_alone(tmp_path: Path) -> None:
    write(tmp_path, "i18n/en.toml", 'headline.price = "Good news"')
    mail = Renderer(tmp_path, "en").render("watch", make_digest())
    assert "Good news" in mail.html
    assert "Hello Ann Lee," in mail.text


def test_markup_in_a_sentence_is_text(tmp_path: Path) -> None:
    write(tmp_path, "i18n/en.toml", 'headline.price = "<i>Good & cheap</i>"')
    html = Renderer(tmp_path, "en").render("watch", make_digest()).html
    assert "&lt;i&gt;Good &amp; cheap&lt;/i&gt;</h1>" in html


def test_a_language_is_added_by_a_file(tmp_path: Path) -> None:
    shutil.copytree(paths.templates_dir() / "i18n", tmp_path / "i18n")
    shutil.copy(tmp_path / "i18n/en.toml", tmp_path / "i18n/he.toml")
    renderer = Renderer(tmp_path, "en")
    renderer.check()
    mail = renderer.render("watch", make_digest(language="he_IL"))
    assert mail.language == "he-IL"
    assert '<html lang="he-IL" dir="rtl"' in mail.html
    assert 'align="left"' not in mail.html


def test_plural_forms_of_other_languages_are_used(tmp_path: Path) -> None:
    shutil.copytree(paths.templates_dir() / "i18n", tmp_path / "i18n")
    polish = (tmp_path / "i18n/en.toml").read_text("utf-8")
    one, other = 'more.one = "And {count} more product"\n', 'more.other = "And {count} more products"\n'
    assert one in polish
    assert other in polish
    forms = 'more.one = "i {count} produkt"\nmore.few = "i {count} produkty"\nmore.many = "i {count} produktów"\n'
    polish = polish.replace(one, forms).replace(other, 'more.other = "i {count} produktu"\n')
    write(tmp_path, "i18n/pl.toml", polish)
    renderer = Renderer(tmp_path, "en")
    texts = [renderer.render("watch", make_digest(language="pl", more=more)).text for more in (1, 3, 5)]
    assert [
        said in text for said, text in zip(("i 1 produkt\n", "i 3 produkty\n", "i 5 produktów\n"), texts, strict=True)
    ] == [True] * 3


def test_an_undefined_variable_is_named_with_file_and_line(tmp_path: Path) -> None:
    write(tmp_path, "watch/body.txt", "Hello\n{{ costumer }}\n")
    assert "watch/body.txt, line 2: 'costumer' is undefined" in refusal(tmp_path)


def test_an_undefined_variable_in_a_branch_nobody_takes_is_found(tmp_path: Path) -> None:
    write(tmp_path, "watch/body.txt", "Hello\n\n{% if false %}{{ costumer }}{% endif %}\n")
    assert "watch/body.txt, line 3: 'costumer' is undefined" in refusal(tmp_path)


def test_an_undefined_attribute_is_named_with_file_and_line(tmp_path: Path) -> None:
    write(tmp_path, "watch/body.html", "<p>\n{{ digest.frstname }}</p>")
    message = refusal(tmp_path)
    assert "watch/body.html, line 2" in message
    assert "frstname" in message


def test_an_undefined_variable_in_an_included_file_is_named_there(tmp_path: Path) -> None:
    write(tmp_path, "watch/body.txt", "Hello\n{% include 'mine.txt' %}")
    write(tmp_path, "mine.txt", "\n\n{{ costumer }}")
    message = refusal(tmp_path)
    assert "mine.txt, line 3" in message
    assert "costumer" in message


def test_a_syntax_error_is_named_with_file_and_line(tmp_path: Path) -> None:
    write(tmp_path, "watch/subject.txt", "x\n{% if %}")
    assert "watch/subject.txt, line 2" in refusal(tmp_path)


def test_a_missing_template_is_named(tmp_path: Path) -> None:
    write(tmp_path, "watch/body.txt", "{% include 'no/such.txt' %}")
    assert "no/such.txt is missing (needed by watch/body.txt)" in refusal(tmp_path)


def test_a_mail_nobody_knows_is_an_error() -> None:
    with pytest.raises(TemplateError, match=r"nosuch/subject\.txt is missing"):
        Renderer(None, "en").render("nosuch", make_digest())


def test_a_template_that_gives_nothing_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "watch/subject.txt", "{# nothing #}\n")
    assert "watch/subject.txt gives an empty result" in refusal(tmp_path)


@pytest.mark.parametrize(
    "nothing", ["", "\n", "<html><head><title>Hello</title></head><body><!-- hello --></body></html>"]
)
def test_an_empty_html_part_is_refused(tmp_path: Path, nothing: str) -> None:
    write(tmp_path, "watch/body.html", nothing)
    assert "watch/body.html gives an empty result" in refusal(tmp_path)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("watch/bodyy.html", "did you mean watch/body.html"),
        ("body.html", "did you mean test/body.html or watch/body.html?"),
        ("zzz.toml", "rename it as in the shipped templates, or remove it"),
    ],
)
def test_a_file_that_changes_no_mail_is_named(tmp_path: Path, name: str, said: str) -> None:
    write(tmp_path, name, "Hello")
    assert f"mail.template_dir: no mail uses {tmp_path / name}; " in refusal(tmp_path)
    assert said in refusal(tmp_path)


def test_a_folder_in_the_place_of_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "watch/body.html").mkdir(parents=True)
    assert "body.html is a folder, but has to be the file watch/body.html" in refusal(tmp_path)


def test_files_of_ones_own_may_be_included_and_others_lie_beside(tmp_path: Path) -> None:
    write(tmp_path, "watch/body.txt", '{% include "ours/hello.txt" %}')
    write(tmp_path, "ours/hello.txt", "Hello")
    for name in ("README.md", "watch/body.html~", ".git/info.txt"):
        write(tmp_path, name, "not for mails")
    shutil.copytree(paths.templates_dir() / "test", tmp_path / "test")
    Renderer(tmp_path, "en").check()


def test_who_names_a_file_only_while_a_mail_is_made_may_have_any(tmp_path: Path) -> None:
    write(tmp_path, "watch/body.txt", '{% include "ours/" ~ lang ~ ".txt" %}')
    for language in ("en", "de"):
        write(tmp_path, f"ours/{language}.txt", "Hello")
    Renderer(tmp_path, "en").check()


def test_an_error_while_rendering_is_explained(tmp_path: Path) -> None:
    write(tmp_path, "watch/subject.txt", "x\n{{ 1 // (digest.total - 1) }}")
    message = refusal(tmp_path)
    assert "watch/subject.txt, line 2" in message
    assert "ZeroDivisionError" in message


def test_a_sentence_nobody_wrote_is_named(tmp_path: Path) -> None:
    write(tmp_path, "watch/subject.txt", "x\n{{ t('subject.nosuch') }}")
    message = refusal(tmp_path)
    assert "watch/subject.txt, line 2" in message
    assert "subject.nosuch" in message


def test_a_forgotten_value_of_a_sentence_is_named(tmp_path: Path) -> None:
    write(tmp_path, "watch/subject.txt", "{{ t('subject.stock') }}")
    message = refusal(tmp_path)
    assert "watch/subject.txt, line 1" in message
    assert "product" in message


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("i18n/fr.toml", 'greeting.nobody = "Bonjour,"', "i18n/fr.toml: the sentence greeting.mr is missing"),
        ("i18n/de.toml", 'subject.stock = "{produkt}"', "i18n/de.toml: subject.stock uses {produkt}"),
        ("i18n/en.toml", 'subject.stock = "{product.x}"', "subject.stock has a brace that belongs to no placeholder"),
        ("i18n/en.toml", "subject.stock = 5", "subject.stock must be a text"),
        ("i18n/en.toml", 'item.more = {one = "x", several = "y", other = "z"}', "item.more must be a text"),
        ("i18n/en.toml", "item.more = [", "i18n/en.toml can't be read"),
        ("i18n/klingon.toml", "", "i18n/klingon.toml is not named after a language"),
        ("i18n/de-AT.toml", "", "i18n/de-AT.toml is not named after a language"),
    ],
)
def test_a_wrong_catalog_is_refused_with_file_and_sentence(tmp_path: Path, file: str, text: str, said: str) -> None:
    write(tmp_path, file, text)
    assert said in refusal(tmp_path)


def test_a_default_language_without_catalog_is_refused() -> None:
    with pytest.raises(TemplateError, match=r"mail\.default_language is fr.*choose one of de, en"):
        Renderer(None, "fr")


def test_a_template_folder_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TemplateError, match=r"mail\.template_dir"):
        Renderer(tmp_path / "nowhere", "en")


def test_style_sheets_and_files_named_by_a_template_are_never_read(tmp_path: Path) -> None:
    write(tmp_path, "secret.css", "h1 { color: #abcdef; }")
    link = f'<link rel="stylesheet" href="file://{tmp_path}/secret.css"><link rel="stylesheet" href="http://127.0.0.1:9/x.css">'
    write(tmp_path, "watch/body.html", f"<html><head>{link}</head><body><h1>x</h1></body></html>")
    assert "#abcdef" not in Renderer(tmp_path, "en").render("watch", make_digest()).html


def test_a_whole_number_currency_and_one_with_three_decimals_in_a_mail() -> None:
    renderer = Renderer(None, "en")
    yen = make_item(price=make_price("900", "1000", "950", currency="JPY"))
    dinar = make_item(price=make_price("1.25", "1.3", "1.275", currency="KWD"))
    text = renderer.render("watch", make_digest(yen, dinar)).text.replace("\u00a0", " ")
    assert "Now ¥900 instead of ¥1,000 (10% less)" in text
    assert "Your limit: ¥950" in text
    assert "Now KWD 1.250 instead of KWD 1.300 (3% less)" in text
    assert "Your limit: KWD 1.275" in text
