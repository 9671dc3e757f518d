"""Word lists and letter statistics that the lexical features read.

Nothing here comes from labelled data: the brands are those that phishing reports name most often, the
keywords are what credential pages say, the groups of top-level domains follow their registries' terms.
"""

from __future__ import annotations

__all__ = [
    "BIGRAM_BITS",
    "BRANDS",
    "FREE_TLDS",
    "KEYWORDS",
    "LEGACY_TLDS",
    "LOW_COST_TLDS",
    "SERVICE_LABELS",
    "SPONSORED_TLDS",
]

KEYWORDS = (
    "account", "activ", "alert", "auth", "bank", "billing", "bonus", "claim", "confirm", "credit", "crypto",
    "customer", "deliver", "free", "gift", "help", "invoice", "limited", "locked", "login", "logon", "notice",
    "online", "pass", "pay", "portal", "prize", "recover", "refund", "restore", "reward", "safe", "secure",
    "security", "service", "session", "sign", "support", "suspend", "ticket", "token", "track", "unlock",
    "update", "verif", "wallet", "webmail", "win",
)  # fmt: skip

# Long enough that one edit away is still meant; each is looked for as a part of the name and as a look-alike.
BRANDS = (
    "adobe", "airbnb", "allegro", "alibaba", "amazon", "americanexpress", "apple", "barclays", "binance",
    "blockchain", "caixa", "chase", "citibank", "coinbase", "correos", "credem", "discord", "docusign",
    "dropbox", "ebay", "facebook", "fedex", "google", "halifax", "hotmail", "hsbc", "icloud", "instagram",
    "laposte", "linkedin", "lloyds", "mastercard", "metamask", "microsoft", "natwest", "netflix", "office365",
    "orange", "outlook", "paypal", "payeer", "rakuten", "roblox", "santander", "snapchat", "spotify", "steam",
    "swisscom", "telegram", "tiktok", "twitter", "unicredit", "usps", "vinted", "vodafone", "walmart",
    "wellsfargo", "westpac", "whatsapp", "yahoo", "zoom",
)  # fmt: skip

# Host labels that hosting panels and administrators make on every domain.
SERVICE_LABELS = (
    "api", "app", "autodiscover", "blog", "cdn", "cpanel", "cpcalendars", "cpcontacts", "dev", "ftp", "imap",
    "m", "mail", "mx", "ns1", "ns2", "pop", "remote", "shop", "smtp", "static", "test", "vpn", "webdisk",
    "webmail", "whm", "www", "www2",
)  # fmt: skip

LEGACY_TLDS = ("biz", "com", "info", "net", "org")
SPONSORED_TLDS = ("aero", "arpa", "cat", "coop", "edu", "gov", "int", "jobs", "mil", "museum", "post", "tel")
FREE_TLDS = ("cf", "ga", "gq", "ml", "tk")  # given away without payment until 2023
LOW_COST_TLDS = (
    "bond", "buzz", "cam", "cfd", "click", "club", "cyou", "fun", "host", "icu", "link", "live", "lol",
    "monster", "online", "pro", "pw", "quest", "rest", "sbs", "shop", "site", "space", "store", "surf",
    "top", "vip", "website", "win", "work", "xyz",
)  # fmt: skip

# Half bits (0-9, a-z) of the surprise of a letter after another in English words, each word weighted by the
# logarithm of its count in the reference manual of Python, the licences of Debian and Perl's manual.
# Row: the letter before, column: the letter after; the first of both is the edge of a word, then a to z.
BIGRAM_BITS = (
    "r8a7889bb8ff99ba7f878acbigi",
    "bg989kfaiakd697n9k685bdffdj",
    "96dad6igj7bl4ff7di98c7gilah",
    "96jbf6mi79o89hi4hiad69kloeo",
    "39ghc4jhl6hnchg9hncahahjmen",
    "59g86cbdgfljaa7gbe569icfafo",
    "87lhh67gl4ll9ih5hl9fb8ljlal",
    "39kij6ib98mkbd9ahm8af9ikmhg",
    "65lhi4fll6ljcde6jlae9cjjldl",
    "dab8a9aapklh9947bja87lanepb",
    "76ebc5eee9ebeec6bee9e5eeece",
    "49dgf3gej6jhajbddjd7fcjbjgj",
    "67gfa5ehk5oh7hh7dogaaaeko7j",
    "85amh4gjj6midag76mhagakjmdm",
    "68i877c5h9kdehdafkh75cckpfj",
    "adc99fdcjdhc984a9o5998bagij",
    "86jhf5ghb8nh7jh78n5b8akklcn",
    "9fffffffffffcfcffffdd1fffff",
    "67gcb4fdj7ndcac7epa89cehpbp",
    "3bnaj6gka7mecfgaakj868kgmdp",
    "57jci5gl85plcgi9fp79bamgnan",
    "d989c9dbl9nj785d9n676gjnglj",
    "a5ihk2kkk5kkihi9kkhkkiikikk",
    "65hhg6hh76jjcj86jj79ghhfjjj",
    "69g7g6ffc6iiccgd5igc5igiicg",
    "1efdfbgek9kkbbaa7keaakgdkge",
    "a7ggg2ggg5ggdbgaggggcggcgcc",
)
