"""Secrets in texts: URLs, pairs of key and value, command lines, XML, multipart bodies and SQL."""

from __future__ import annotations

from typing import Final

from .forms import Form, made, texts

P, Q = made("first", 8), made("second", 8)


def _url_passwords() -> list[Form]:
    family = "passwords in URLs"
    joined = (
        f"{P}{mark}{Q}"
        for mark in ("/", "#", "?", "@", " ", ":", "%2F", "&", "+", "@@", "/#", "=", ";", ",")
    )
    forms = [
        Form(family, text.replace("{x}", password), (P, Q), kept=("db.example.com",))
        for number, password in enumerate(joined)
        for text in (
            "postgresql://ann:{x}@db.example.com:5432/shop",
            "cannot connect to mysql://root:{x}@db.example.com/shop: timeout"
            if number % 2
            else '{"url": "redis://:{x}@db.example.com:6379/0", "n": 1}',
        )
    ]
    forms += texts(
        family,
        (
            "https://ann:{x}@example.com/a?b=c ## example.com",
            "ftp://ann:{x}@[2001:db8::1]:21/f ## /f",
            "amqp://guest:{x}@mq:5672// ## mq",
            "mongodb+srv://ann:{x}@c0.example.net/?retryWrites=true ## retryWrites=true",
            "postgresql+psycopg2://ann:{x}@h/d ## h/d",
            "git clone https://oauth2:{x}@gitlab.example.com/a/b.git ## a/b.git",
            "git clone https://x-access-token:{x}@github.com/a/b ## a/b",
            "proxy=http://ann:{x}@proxy:3128 ## proxy:3128",
            "smtp://ann%40example.com:{x}@mail:587 ## mail:587",
            "a rediss://default:{x}@h1:1 and b rediss://default:abcdefgh@h2:2 ## h1:1 | h2:2",
            "ldap://cn=admin,dc=x:{x}@ldap.example.com/ ## ldap.example.com",
            "sftp://ann:{x}@h/~/.ssh ## .ssh",
            "<ssh://git:{x}@h.example.com/r> ## h.example.com",
            "('https://ann:{x}@example.com', 3) ## example.com",
            "jdbc:mysql://h/d?user=ann&password={x}&useSSL=true ## useSSL=true",
            "jdbc:sqlserver://h:1433;user=ann;password={x};encrypt=true ## encrypt=true",
            "wss://ann:{x}@h/socket ## socket",
            "postgres://ann@h/d?password={x}&sslmode=require ## sslmode=require",
            "http%3A%2F%2Fann%3A{x}%40example.com%2Fx ## example.com",
        ),
    )
    return forms


PASSPHRASES: Final = (
    "passphrase: {p}\nuser: ann ## user: ann",
    'passphrase="{p}" user=ann ## user=ann',
    "password = '{p}', user = 'ann' ## ann",
    'export SSH_PASSPHRASE="{p}"; ssh h ## ssh h',
    '{"passphrase": "{p}", "n": 7} ## "n": 7',
    "Settings(passphrase='{p}', port=22) ## port=22",
    "wifi:\n  passphrase: {p}\n  channel: 6\n ## channel: 6",
    "PASSPHRASE={p}\nPORT=22\n ## PORT=22",
    "Password: {p}",
    "db.password={p}\r\ndb.port=5432\r\n ## db.port=5432",
    "<passphrase>{p}</passphrase><port>22</port> ## <port>22</port>",
    "private_key_passphrase: '{p}' # rotate ## rotate",
)

SPELLINGS: Final = (
    "password={x} ", "password[]={x}&a=1 ## a=1",
    "user[password]={x}&user[name]=ann ## ann", "user[0][password]={x}",
    "password%5B%5D={x}&a=1 ## a=1",
    "user%5Bpassword%5D={x}&b=2 ## b=2", ":password=>{x}, :user=>1 ## user",
    '"password" => "{x}", "a" => 1',
    "password := {x}", "password = {x}", "password : {x}", "PASSWORD='{x}' cmd ## cmd",
    'password="{x}"',
    "spring.datasource.password={x}\nserver.port=80 ## server.port=80", "dbPassword={x}",
    "passWord={x}",
    "user=ann password={x} host=h1 ## user=ann | host=h1",
    "Server=h1;Uid=ann;Pwd={x};Database=d1 ## h1 | d1",
    "Server=tcp:h1,1433;User ID=ann;Password={x};Encrypt=True; ## Encrypt=True",
    "AccountName=a1;AccountKey={x}==;EndpointSuffix=core.windows.net ## core.windows.net",
    "Endpoint=sb://h1/;SharedAccessKeyName=root;SharedAccessKey={x}= ## h1",
    "client_secret={x}&grant_type=client_credentials ## grant_type=client_credentials",
    "https://h1/cb#access_token={x}&token_type=bearer&expires_in=3600 ## expires_in=3600",
    "https://h1/cb?code=1&id_token={x} ## h1", "https://h1/?api_key={x}&q=shoes ## q=shoes",
    "https://h1/?apikey={x}#top ## top", "/login?next=%2Fx%3Ftoken%3D{x} ## next",
    "api-key: {x}", "apiKey: '{x}',", "secret_key_base: {x}",
    "AWS_SECRET_ACCESS_KEY={x} aws s3 ls ## aws s3 ls",
    "export GITHUB_TOKEN={x}", "set DB_PASSWORD={x}", "$env:API_KEY = '{x}'",
    "ENV API_KEY={x} PORT=80 ## PORT=80",
    "refresh_token={x}, scope=read ## scope=read", "token={x}|user=ann ## user=ann",
    "(password={x}) ok ## ok",
    "[password={x}] ok ## ok", "<password={x}> ok ## ok", "password={x}, ok ## ok", "password='{x}",
    "cvv={x}",
    "//registry.npmjs.org/:_authToken={x}", "_password={x}\nemail=a ## email=a",
    "[pypi]\nusername = a\npassword = {x}",
    "machine h1 login ann password {x}\nmachine h2 ## machine h2",
    "PGPASSWORD={x} psql -h h1 ## psql -h h1",
    "DATABASE_URL=postgres://a:{x}@h1/d ## h1", "SigningKey={x}", "encryption_key={x}",
    "jwt={x}.a.b",
    "password\u00a0=\u00a0{x}", "p\u0430ss=1 password={x}", "\uff50assword={x}", "x-api-key={x}",
    "otp={x}", "new_password={x}&new_password_confirmation={x}", "pin={x}", "ssn={x}",
    "\\tpassword={x}", "a\tpassword={x}\tb ## b", "password={x}\x00b", "user:password={x}",
    "data: password={x}",
    "signature={x}&a=1 ## a=1", "sig={x}&sv=2024-01-01 ## sv=2024-01-01",
    "X-Amz-Signature={x}&a=1 ## a=1",
)  # fmt: skip

COMMANDS: Final = (
    "mysql -uroot -p{x} shop ## shop", "mysqldump --user=root -p{x} shop ## shop",
    "mysql --password={x} d1 ## d1",
    "psql --password {x} d1 ## d1", "sshpass -p {x} ssh h1 ## ssh h1",
    "sshpass -p{x} ssh h1 ## ssh h1",
    "curl -u ann:{x} https://h1/ ## https://h1/", "curl --user ann:{x} https://h1/ ## https://h1/",
    "curl -uann:{x} https://h1/ ## https://h1/", "docker login -u ann -p {x} r1 ## r1",
    "redis-cli -h h1 -a {x} ping ## ping", "openssl rsa -passin pass:{x} -in k1 ## k1",
    "keytool -storepass {x} -list ## -list", "wget --http-password={x} u1 ## u1",
    "app --api-key {x} run ## run",
    "app --token={x} run ## run", 'app --client-secret "{x}" run ## run',
    "net use /password:{x} s1",
    "htpasswd -b f1 --password '{x}'", "gpg --passphrase {x} -d f1 ## f1", "vault login token={x}",
    "ansible-playbook -e db_password={x} p1 ## p1",
    "helm install --set auth.password={x},a=b c1 ## c1",
)  # fmt: skip

XML: Final = (
    "<user><name>ann</name><password>{x}</password></user> ## ann",
    '<Password enc="1">{x}</Password>',
    '<user name="ann" password="{x}"/> ## ann', "<ns:password>{x}</ns:password>",
    '<add key="ApiKey" value="{x}"/>',
    '<property name="password" value="{x}"/>', '<property name="db.password">{x}</property>',
    "<password><![CDATA[{x}]]></password>", "<key>password</key><string>{x}</string>",
    '<wsse:Password Type="#PasswordText">{x}</wsse:Password><a>1</a> ## <a>1</a>',
    '<input type="hidden" name="csrf_token" value="{x}">',
    "<input name=password type=password value={x}>",
    "<secretKey>\n  {x}\n</secretKey>", "<access-token>{x}</access-token>",
    "<ApiKey>{x}</ApiKey><n>1</n> ## <n>1</n>",
    "&lt;password&gt;{x}&lt;/password&gt;", '<meta name="csrf-token" content="{x}">',
    '<password value="{x}" />', "<clientSecret >{x}</clientSecret >",
)  # fmt: skip

_PART = "--b1\r\nContent-Disposition: form-data; name="
MULTIPART: Final = (
    _PART + '"password"\r\n\r\n{x}\r\n--b1--\r\n',
    _PART + '"user"\r\n\r\nann\r\n' + _PART + '"password"\r\n\r\n{x}\r\n--b1-- ## ann',
    _PART + '"api_key"\r\nContent-Type: text/plain\r\n\r\n{x}\r\n--b1--\r\n',
    _PART + "password\r\n\r\n{x}\r\n--b1--\r\n",
    _PART + '"client[secret]"\n\n{x}\n--b1--\n',
    _PART + '"token"; filename="t.txt"\r\n\r\n{x}\r\n--b1--\r\n',
    _PART + '"password"\r\n\r\n{x}\r\n' + _PART + '"n"\r\n\r\n77\r\n--b1-- ## 77',
)

SQL: Final = (
    "UPDATE users SET password = '{x}' WHERE id = 7 ## id = 7",
    "SELECT 1 FROM t WHERE api_key = '{x}' AND n = 1 ## n = 1",
    "INSERT INTO users (name, password) VALUES ('ann', '{x}') ## ann",
    "CREATE USER ann IDENTIFIED BY '{x}' ## ann",
    "INSERT INTO users (password, name) VALUES ('{x}', 'ann'), ('b', 'bob') ## ann | bob",
    "ALTER USER ann WITH PASSWORD '{x}' ## ann", "CREATE ROLE ann LOGIN PASSWORD '{x}' ## ann",
    "SET PASSWORD FOR 'ann' = '{x}' ## ann", "SET PASSWORD = PASSWORD('{x}')",
    "UPDATE u SET `password`='{x}', n=1 ## n=1",
    "UPDATE u SET [password] = N'{x}'", "UPDATE u SET \"password\" = E'{x}' WHERE a=1 ## a=1",
    "... password <> '{x}'",
    "... WHERE secret_token IN ('{x}', 'b') AND a=1 ## a=1", "... WHERE password LIKE '{x}%'",
    "... u.password='{x}'",
    "IDENTIFIED WITH mysql_native_password BY '{x}'",
    "ENCRYPTED PASSWORD '{x}' VALID UNTIL '2027' ## 2027",
    "INSERT INTO users SET name='ann', password='{x}' ## ann",
    "MERGE ... SET t.access_token = '{x}'",
)  # fmt: skip


def _passphrases() -> list[Form]:
    words = tuple(made(f"word{n}", 7, "abcdefghkmnpqrstuvwxyz") for n in range(4))
    forms = []
    for template in PASSPHRASES:
        text, _, rest = template.partition(" ## ")
        kept = (rest,) if rest else ()
        forms.append(Form("passphrases", text.replace("{p}", " ".join(words)), words, kept=kept))
    return forms


FORMS: Final = [
    *_url_passwords(),
    *_passphrases(),
    *texts("key=value", SPELLINGS),
    *texts("command lines", COMMANDS),
    *texts("XML and HTML", XML),
    *texts("multipart", MULTIPART),
    *texts("SQL", SQL),
    Form("key=value", f"password={P};{Q} ", (P, Q)),
    Form("key=value", f"password={P};{Q}&user=ann", (P, Q), kept=("user=ann",)),
]
