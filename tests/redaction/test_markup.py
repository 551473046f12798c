"""The values of secret names are found in XML, forms, SQL and command lines."""

from __future__ import annotations

import re

import pytest
from support.finders import found, marked

from flask_chest.redaction.command_lines import command_lines
from flask_chest.redaction.markup import markup
from flask_chest.redaction.sql import sql

pytestmark = pytest.mark.opens_nothing


def is_secret(name):
    return re.search(r"(?i)passw|token|secret|api.?key|^pin$", name) is not None


MARKUP = markup(is_secret)
SQL = sql(is_secret)
COMMAND_LINES = command_lines(is_secret)


# -- XML and HTML ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "<password>«x»</password>",
        "<a><Password>«x y»</Password><b>1</b></a>",
        "<ns:apiKey>«x»</ns:apiKey>",
        '<wsse:Password Type="a#b" x="1">«x»</wsse:Password>',
        "<password\n  kind='a'>«\n x \n»</password>",
        "<password><![CDATA[«x<y»]]></password>",
        "<password><![CDATA[«x<y»",
        "<password>«<value>x</value>»</password>",
        '{"a": "<password>«x»<\\/password>"}',
        "&lt;password&gt;«x»&lt;/password&gt;",
        '<add key="DbPassword" value="«x y»"/>',
        '<add value="«x»" key="DbPassword"/>',
        "<property name='password' value='«x»'/>",
        '<meta name="csrf-token" content="«x»">',
        '<input type="hidden" name="csrf_token" value="«x»">',
        '<entry key="password">«x»</entry>',
        '<string name="api_key">«x»</string>',
        "<key>password</key>\n\t<string>«x»</string>",
        "<name>db.password</name><value>«x»</value>",
        "<name>password</name><value><string>«x»</string></value>",
        "<key>name</key><string>x</string>",
        "<input name=password type=password value=«x»>",
        '<password value="«x»" />',
        '<token-list><item n="129"/></token-list>',
        '<label name="password">Password:</label>',
        "<password/><user>ann</user>",
        "<password></password> <password> </password>",
        '<input type="password" name="x">',
        "if a<password and password>b: pass",
        "<password> is a placeholder",
        "Dict<Token> and List<Secret>",
    ],
)
def test_markup(text):
    assert marked(MARKUP, text) == text


# -- Forms -----------------------------------------------------------------------------------


@pytest.mark.parametrize("line_end", ["\r\n", "\n", "\\r\\n", "\\n"])
@pytest.mark.parametrize("more", ["", "Content-Type: text/plain; charset=utf-8{}", "A: b{}C: d{}"])
def test_a_secret_field_of_a_form_is_found(line_end, more):
    header = 'Content-Disposition: form-data; name="{}"{}' + more.replace("{}", line_end) + "{}"
    fields = [("user", "ann"), ("password", "«x y=z»"), ("n", "1"), ("api_key", "«k»")]
    form = "".join(
        f"--b{line_end}{header.format(name, line_end, line_end)}{value}{line_end}"
        for name, value in fields
    )
    assert marked(MARKUP, f"{form}--b--") == f"{form}--b--"
    cut = form.partition("=z»")[0] + "»"
    assert marked(MARKUP, cut) == cut


def test_a_field_without_a_body_hides_no_later_one():
    form = 'form-data; name="password" was sent\nas\nform-data; name="token"\n\n«abc»\n--b--'
    assert marked(MARKUP, form) == form


# -- SQL -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "CREATE USER u IDENTIFIED BY '«x y»'",
        "create user u identified with caching_sha2_password by '«x»'",
        "IDENTIFIED BY PASSWORD '«*0A1B»'",
        "ALTER USER scott IDENTIFIED BY «tiger»;",
        'IDENTIFIED BY "«x y»" ACCOUNT',
        "ALTER USER u WITH ENCRYPTED PASSWORD '«it''s»' VALID",
        "CREATE ROLE r LOGIN PASSWORD E'«a\\'b»'",
        "CREATE LOGIN l WITH PASSWORD = N'«x»'",
        "SET PASSWORD FOR 'u'@'h' = PASSWORD('«x»')",
        "SET PASSWORD FOR u = '«x»'",
        "SET PASSWORD = '«x»'",
        "SELECT PASSWORD('«x»')",
        "CREATE SECRET s (TYPE s3, SECRET '«x»')",
        "PASSWORD '«never ends»",
        "{'password': 'x', 'n': 1}",
        "the password was wrong, 'sorry'",
        "identified by random password",
        "CREATE USER u IDENTIFIED BY RANDOM PASSWORD",
        "a host that is identified by its name",
        'such works are identified as "derived"',
        "SELECT password FROM users WHERE name = 'ann'",
        "INSERT INTO t (user, password) VALUES ('a', '«x»'), ('b', '«y,z(»');",
        "INSERT INTO t(`password`, n) VALUES ('«it''s»', 1) ON CONFLICT (n) DO NOTHING",
        'insert into "a"."t" ("n", "api_key") values (now(), «E\'x\'»)',
        "replace into [t] ([pin], [n]) values («1234», 5)",
        "INSERT INTO t (a, token, b) VALUES (f('q', 'r'), «concat('s', 't')», 3)",
        "INSERT INTO t (n, password) VALUES (1, NULL), (2, :pw), (3, %s)",
        "SELECT 1 WHERE password LIKE '«x%»' AND a LIKE 'y'",
        "SELECT 1 WHERE t.\"token\" NOT IN («'x', 'y'») AND a IN ('b')",
        "INSERT INTO t (user, name) VALUES ('a', 'x')",
        "INSERT INTO t (n, password) VALUES (1, 'never ends",
        "[SQL: INSERT INTO t (user, password) VALUES (?, ?)]\n[parameters: ('a', '«x»')]",
        "[SQL: INSERT INTO t (pin, n) VALUES (%s, %s)]\n[parameters: [('«x»', 1), (\"«y'»\", 2)]]",
    ],
)
def test_sql(text):
    assert marked(SQL, text) == text


# -- Command lines ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "mysql -u root -p«S3cret» db",
        "/usr/bin/mysqldump -h h -p'«my pw»' x",
        "mariadb-dump -p«secret» x | mysql -p«other» y",
        "keytool -list -storepass «abc» -v",
        "sshpass -p «abc» ssh h",
        "sshpass -p«abc» ssh h",
        "7z x -p«abc» a.7z",
        "unzip -P «abc» x.zip",
        "mongosh -u a -p «abc»",
        "docker login -u a -p «abc» registry",
        "redis-cli -h x -a «abc» ping",
        "curl -s -u ann:«pass» https://x",
        "curl -uann:«pass» https://x",
        "curl --user ann:«pass» https://x",
        "curl --proxy-user 'ann:«pass»' https://x",
        "smbclient //h/s -U ann%«pass»",
        "ldapsearch -D cn=a -w «abc» -b x",
        "sqlcmd -S h -U sa -P «abc»",
        "sqlplus -S scott/«tiger»@orcl",
        "openssl rsa -in k -passin pass:«abc»",
        "['mysql', '-u', 'root', '-p«abc»']",
        "['curl', '-u', 'ann:«pass»', 'https://x']",
        "('x', '--password', '«a b»', '-v')",
        '["x","--api-key","«abc»","-v"]',
        "--password «abc»",
        "run --token «abc» -v",
        "run --db-password '«a b»' -v",
        'run --db-password "«a \\" b»" -v',
        "java -jar x -storepassword «abc»",
        "run --api-key\t«abc»\n",
    ],
)
def test_command_lines(text):
    assert marked(COMMAND_LINES, text) == text


@pytest.mark.parametrize(
    "text",
    [
        "mysql -p db",
        'run --password "" -v',
        "docker run -p 8080:80 x",
        "ssh -p 22 h",
        "mkdir -p a/b",
        "tar -xpf a",
        "curl -u",
        "cp -p mysql.cnf x",
        "--password-file /run/x",
        "--no-password x",
        "--password -v",
        "--password",
        "use --token to log in",
        "--password is deprecated",
        "well-known token -based",
        "a -p b",
        "x - password y",
        "--ask-password yes",
        "--max-tokens-per-minute-file 5",
        "git log --author ann -p x",
        "-token",
    ],
)
def test_a_command_line_without_a_secret_is_kept(text):
    assert found(COMMAND_LINES, text) == []


@pytest.mark.parametrize("make", [markup, sql, command_lines])
def test_where_no_name_is_secret_nothing_is_found(make):
    find = make(lambda _name: False)
    for text in (
        "<password>x</password>",
        "PASSWORD 'x'",
        "INSERT INTO t (password) VALUES ('x')",
        "mysql -px",
        "curl --user a:b",
        "--password x",
    ):
        assert found(find, text) == []
