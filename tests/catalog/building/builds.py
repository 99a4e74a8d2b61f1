"""What a built catalog says, by file."""

CITY = "Bobville"


def count(built, rule):
    return built.report.count(rule)


def reasons(built):
    """Reason by file, or by line where there is no file."""
    table = built.quarantine
    names = table["image_id"].where(table["image_id"] != "", table["origin"])
    return dict(zip(names, table["reason"], strict=True))


def contents(built):
    return dict(zip(built.table["image_id"], built.table["content"], strict=True))


def spy_on(target, note, monkeypatch):
    module, _, name = target.rpartition(".")
    original = getattr(__import__(module, fromlist=[name]), name)
    monkeypatch.setattr(target, lambda argument: (note(argument), original(argument))[1])
