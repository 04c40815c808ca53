//! Alembic and Django, by the SQL that they write themselves.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::Import;
use crate::proved::{database, prove};
use pgseal_testkit::moto::python;

/// Runs a program of Python in a directory, and returns what it wrote.
fn run(dir: &Path, arguments: &[&str], dsn: &str) -> Option<String> {
    let mut command = Command::new(python());
    let output = command
        .args(arguments)
        .current_dir(dir)
        .env("DSN", dsn)
        .output()
        .unwrap();
    output
        .status
        .success()
        .then(|| String::from_utf8(output.stdout).unwrap())
}

fn write(dir: &Path, files: &[(&str, &str)]) {
    for (file, text) in files {
        let path = dir.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

const ENV: &str = "from alembic import context\n\
    context.configure(url=context.config.get_main_option('sqlalchemy.url'), literal_binds=True)\n\
    with context.begin_transaction():\n    context.run_migrations()\n";

/// Revision, the ones before, and the bodies of its functions.
const REVISIONS: [(&str, &str, &str, &str); 5] = [
    (
        "a1",
        "None",
        "op.execute(\"create type kind as enum ('a', 'b')\"); op.create_table('account', sa.Column('id', sa.Integer, primary_key=True), sa.Column('name', sa.Text))",
        "op.drop_table('account'); op.execute('drop type kind')",
    ),
    (
        "b2",
        "'a1'",
        "with op.get_context().autocommit_block(): op.create_index('account_name', 'account', ['name'], postgresql_concurrently=True)",
        "with op.get_context().autocommit_block(): op.drop_index('account_name', 'account', postgresql_concurrently=True)",
    ),
    (
        "c3",
        "'b2'",
        "op.add_column('account', sa.Column('c3', sa.Integer)); op.execute(\"insert into account (id, name) values (3, 'it''s; COMMIT;')\")",
        "op.execute('delete from account where id = 3'); op.drop_column('account', 'c3')",
    ),
    (
        "d4",
        "'b2'",
        "op.add_column('account', sa.Column('d4', sa.Integer))",
        "op.drop_column('account', 'd4')",
    ),
    ("e5", "('c3', 'd4')", "pass", "pass"),
];

/// An Alembic project with a branch and a merge, and its SQL up to a revision.
fn alembic(dir: &Path, head: &str) {
    let project = dir.parent().unwrap().join("project");
    write(
        &project,
        &[
            (
                "alembic.ini",
                "[alembic]\nscript_location = mig\nsqlalchemy.url = postgresql://localhost/none\n",
            ),
            ("mig/env.py", ENV),
        ],
    );
    for (revision, before, up, down) in REVISIONS {
        // A block begins on a line of its own.
        let text = format!(
            "import sqlalchemy as sa\nfrom alembic import op\nrevision = '{revision}'\ndown_revision = {before}\n\
             def upgrade():\n    {up}\n\ndef downgrade():\n    {down}\n"
        );
        write(&project, &[(&format!("mig/versions/{revision}.py"), &text)]);
    }
    for (file, arguments) in [
        ("up.sql", ["upgrade", head]),
        ("down.sql", ["downgrade", &format!("{head}:base")]),
    ] {
        let sql = run(
            &project,
            &["-m", "alembic", arguments[0], arguments[1], "--sql"],
            "",
        )
        .unwrap();
        write(dir, &[(file, &sql)]);
    }
}

#[test]
fn revisions_of_alembic_are_proved() {
    let db = database("alembic");
    let import = Import::of(|dir| alembic(dir, "head"));
    let answer = import.done("alembic", &["--database", db.name()]);
    assert_eq!(
        (
            &answer["changes"],
            answer["undecided"].as_array().unwrap().len()
        ),
        (&5.into(), 0),
        "{answer}"
    );
    assert_eq!(import.errors(), Vec::<String>::new());
    let toml = import.text("release.toml");
    assert_eq!(toml.matches("transaction = \"none\"").count(), 1);
    assert!(!import.text("tiers/01_a1.sql").contains("alembic_version"));
    prove(&import, &db, &[]);
}

/// Its table as itself would leave it, from an empty database and from a revision.
#[test]
fn the_history_of_alembic_is_kept() {
    let db = database("alembic_kept");
    let import = Import::of(|dir| alembic(dir, "b2"));
    import.done("alembic", &["--database", db.name(), "--keep-history"]);
    let site = prove(&import, &db, &[]);
    site.operator(&site.path("shop.pgseal"), &db.url())
        .run()
        .done();
    assert_eq!(db.ask("select version_num from alembic_version"), "b2");
    let next = Import::of(|dir| alembic(dir, "head"));
    next.done(
        "alembic",
        &["--database", db.name(), "--keep-history", "--from", "b2"],
    );
    let toml = next
        .text("release.toml")
        .replace("sequence = 1", "sequence = 2");
    fs::write(next.release().join("release.toml"), toml).unwrap();
    let site = prove(&next, &db, &[]);
    site.operator(&site.path("shop.pgseal"), &db.url())
        .run()
        .done();
    assert_eq!(
        db.ask("select string_agg(version_num, ' ') from alembic_version"),
        "e5"
    );
    // Without the way down, Alembic's record of it is missing.
    let half = Import::of(|dir| {
        alembic(dir, "head");
        fs::remove_file(dir.join("down.sql")).unwrap();
    });
    let output = half.run("alembic", &["--keep-history", "--from", "b2"]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        text.contains("down.sql does not take every revision back"),
        "{text}"
    );
}

const SETTINGS: &str = "import os\nfrom psycopg2.extensions import parse_dsn\np = parse_dsn(os.environ['DSN'])\nSECRET_KEY = 'x'\n\
    INSTALLED_APPS = ['shop']\nDEFAULT_AUTO_FIELD = 'django.db.models.BigAutoField'\nUSE_TZ = True\n\
    DATABASES = {'default': {'ENGINE': 'django.db.backends.postgresql', 'NAME': p['dbname'], 'HOST': p.get('host', ''), \
    'PORT': p.get('port', ''), 'USER': p.get('user', ''), 'PASSWORD': p.get('password', '')}}\n";

const MANAGE: &str = "import os, sys\nos.environ['DJANGO_SETTINGS_MODULE'] = 'settings'\n\
    from django.core.management import execute_from_command_line\nexecute_from_command_line(sys.argv)\n";

const MIGRATIONS: [(&str, &str, &str); 4] = [
    (
        "0001_initial",
        "",
        "migrations.CreateModel('Product', [('id', models.BigAutoField(primary_key=True)), ('title', models.TextField(unique=True))])",
    ),
    (
        "0002_index",
        "0001_initial",
        "AddIndexConcurrently('product', models.Index(fields=['title', 'id'], name='product_title_id'))",
    ),
    (
        "0003_cents",
        "0002_index",
        "migrations.AddField('product', 'cents', models.IntegerField(default=0)), migrations.RunSQL(\"insert into shop_product (title, cents) values ('it''s; COMMIT;', 3)\", 'delete from shop_product where cents = 3')",
    ),
    (
        "0004_options",
        "0003_cents",
        "migrations.AlterModelOptions('product', options={'ordering': ['id']})",
    ),
];

/// A Django project, and the SQL of its migrations, as docs/import.md writes it.
fn django(dir: &Path, dsn: &str, more: &[(&str, &str, &str)]) {
    let project = dir.parent().unwrap().join("project");
    write(
        &project,
        &[
            ("settings.py", SETTINGS),
            ("manage.py", MANAGE),
            ("shop/__init__.py", ""),
            ("shop/models.py", ""),
            ("shop/migrations/__init__.py", ""),
        ],
    );
    for (name, before, operations) in MIGRATIONS.iter().chain(more) {
        let before = if before.is_empty() {
            String::new()
        } else {
            format!("('shop', '{before}')")
        };
        let atomic = if operations.contains("Concurrently") {
            "False"
        } else {
            "True"
        };
        let text = format!(
            "from django.db import migrations, models\nfrom django.contrib.postgres.operations import AddIndexConcurrently\n\
             class Migration(migrations.Migration):\n    atomic = {atomic}\n    dependencies = [{before}]\n    operations = [{operations}]\n"
        );
        write(&project, &[(&format!("shop/migrations/{name}.py"), &text)]);
    }
    let plan = run(&project, &["manage.py", "showmigrations", "--plan"], dsn).unwrap();
    for (line, number) in plan.lines().zip(1..) {
        let name = line.get(5..).unwrap().trim();
        let (app, migration) = name.split_once('.').unwrap();
        for (way, more) in [("up", None), ("down", Some("--backwards"))] {
            let mut arguments = vec!["manage.py", "sqlmigrate", app, migration];
            arguments.extend(more);
            if let Some(sql) = run(&project, &arguments, dsn) {
                write(dir, &[(&format!("{number:04}_{name}.{way}.sql"), &sql)]);
            }
        }
    }
}

#[test]
fn migrations_of_django_are_proved() {
    let db = database("django");
    let import = Import::of(|dir| django(dir, &db.connection(), &[]));
    let answer = import.done("django", &["--database", db.name(), "--keep-history"]);
    assert_eq!(
        (
            &answer["changes"],
            answer["undecided"].as_array().unwrap().len()
        ),
        (&4.into(), 0),
        "{answer}"
    );
    assert_eq!(import.errors(), Vec::<String>::new());
    assert_eq!(
        import
            .text("release.toml")
            .matches("transaction = \"none\"")
            .count(),
        1
    );
    let site = prove(&import, &db, &[]);
    site.operator(&site.path("shop.pgseal"), &db.url())
        .run()
        .done();
    // Django itself finds nothing to do.
    let project = import.0.path().join("project");
    let check = run(
        &project,
        &["manage.py", "migrate", "--check"],
        &db.connection(),
    );
    assert!(check.is_some());
    let next = Import::of(|dir| {
        django(
            dir,
            &db.connection(),
            &[(
                "0005_note",
                "0004_options",
                "migrations.AddField('product', 'note', models.TextField(null=True))",
            )],
        );
    });
    next.done(
        "django",
        &[
            "--database",
            db.name(),
            "--keep-history",
            "--from",
            "shop.0004_options",
        ],
    );
    let toml = next
        .text("release.toml")
        .replace("sequence = 1", "sequence = 2");
    fs::write(next.release().join("release.toml"), toml).unwrap();
    assert_eq!(next.errors(), Vec::<String>::new());
    prove(&next, &db, &[]);
}

/// Python in a migration is a point for a person.
#[test]
fn python_of_django_is_undecided() {
    let db = database("django_python");
    let import = Import::of(|dir| {
        django(
            dir,
            &db.connection(),
            &[(
                "0005_code",
                "0004_options",
                "migrations.RunPython(lambda a, s: None), migrations.AddField('product', 'note', models.TextField(null=True))",
            )],
        );
    });
    let answer = import.done("django", &["--database", db.name()]);
    let points: Vec<String> = answer["undecided"]
        .as_array()
        .unwrap()
        .iter()
        .map(|open| format!("{}:{}", open["file"].as_str().unwrap(), open["line"]))
        .collect();
    assert_eq!(
        points,
        [
            "0005_shop.0005_code.up.sql:5",
            "0005_shop.0005_code.up.sql:null"
        ]
    );
    assert!(
        import
            .errors()
            .iter()
            .any(|error| error.starts_with("undecided-import tiers/05_shop_0005_code.sql:1"))
    );
}
