/*
 * zone_links.c
 *		Names of time zones that are only links to others.
 *
 * They are kept for old data.  Servers may come without them (Debian 13 has them in a package of their
 * own), and a calendar that names one cannot be read there.
 */
#include "postgres.h"

#include "engine/calendar.h"

/* In the order of pg_strcasecmp */
static const struct
{
	const char *link;
	const char *zone;
}			links[] =
{
	{"Africa/Asmera", "Africa/Asmara"},
	{"Africa/Timbuktu", "Africa/Bamako"},
	{"America/Argentina/ComodRivadavia", "America/Argentina/Catamarca"},
	{"America/Atka", "America/Adak"},
	{"America/Buenos_Aires", "America/Argentina/Buenos_Aires"},
	{"America/Catamarca", "America/Argentina/Catamarca"},
	{"America/Coral_Harbour", "America/Atikokan"},
	{"America/Cordoba", "America/Argentina/Cordoba"},
	{"America/Ensenada", "America/Tijuana"},
	{"America/Fort_Wayne", "America/Indiana/Indianapolis"},
	{"America/Godthab", "America/Nuuk"},
	{"America/Indianapolis", "America/Indiana/Indianapolis"},
	{"America/Jujuy", "America/Argentina/Jujuy"},
	{"America/Knox_IN", "America/Indiana/Knox"},
	{"America/Louisville", "America/Kentucky/Louisville"},
	{"America/Mendoza", "America/Argentina/Mendoza"},
	{"America/Montreal", "America/Toronto"},
	{"America/Nipigon", "America/Toronto"},
	{"America/Pangnirtung", "America/Iqaluit"},
	{"America/Porto_Acre", "America/Rio_Branco"},
	{"America/Rainy_River", "America/Winnipeg"},
	{"America/Rosario", "America/Argentina/Cordoba"},
	{"America/Santa_Isabel", "America/Tijuana"},
	{"America/Shiprock", "America/Denver"},
	{"America/Thunder_Bay", "America/Toronto"},
	{"America/Virgin", "America/St_Thomas"},
	{"America/Yellowknife", "America/Edmonton"},
	{"Antarctica/South_Pole", "Pacific/Auckland"},
	{"Asia/Ashkhabad", "Asia/Ashgabat"},
	{"Asia/Calcutta", "Asia/Kolkata"},
	{"Asia/Choibalsan", "Asia/Ulaanbaatar"},
	{"Asia/Chongqing", "Asia/Shanghai"},
	{"Asia/Chungking", "Asia/Shanghai"},
	{"Asia/Dacca", "Asia/Dhaka"},
	{"Asia/Harbin", "Asia/Shanghai"},
	{"Asia/Istanbul", "Europe/Istanbul"},
	{"Asia/Kashgar", "Asia/Urumqi"},
	{"Asia/Katmandu", "Asia/Kathmandu"},
	{"Asia/Macao", "Asia/Macau"},
	{"Asia/Rangoon", "Asia/Yangon"},
	{"Asia/Saigon", "Asia/Ho_Chi_Minh"},
	{"Asia/Tel_Aviv", "Asia/Jerusalem"},
	{"Asia/Thimbu", "Asia/Thimphu"},
	{"Asia/Ujung_Pandang", "Asia/Makassar"},
	{"Asia/Ulan_Bator", "Asia/Ulaanbaatar"},
	{"Atlantic/Faeroe", "Atlantic/Faroe"},
	{"Atlantic/Jan_Mayen", "Europe/Oslo"},
	{"Australia/ACT", "Australia/Sydney"},
	{"Australia/Canberra", "Australia/Sydney"},
	{"Australia/Currie", "Australia/Hobart"},
	{"Australia/LHI", "Australia/Lord_Howe"},
	{"Australia/North", "Australia/Darwin"},
	{"Australia/NSW", "Australia/Sydney"},
	{"Australia/Queensland", "Australia/Brisbane"},
	{"Australia/South", "Australia/Adelaide"},
	{"Australia/Tasmania", "Australia/Hobart"},
	{"Australia/Victoria", "Australia/Melbourne"},
	{"Australia/West", "Australia/Perth"},
	{"Australia/Yancowinna", "Australia/Broken_Hill"},
	{"Brazil/Acre", "America/Rio_Branco"},
	{"Brazil/DeNoronha", "America/Noronha"},
	{"Brazil/East", "America/Sao_Paulo"},
	{"Brazil/West", "America/Manaus"},
	{"Canada/Atlantic", "America/Halifax"},
	{"Canada/Central", "America/Winnipeg"},
	{"Canada/Eastern", "America/Toronto"},
	{"Canada/Mountain", "America/Edmonton"},
	{"Canada/Newfoundland", "America/St_Johns"},
	{"Canada/Pacific", "America/Vancouver"},
	{"Canada/Saskatchewan", "America/Regina"},
	{"Canada/Yukon", "America/Whitehorse"},
	{"CET", "Europe/Brussels"},
	{"Chile/Continental", "America/Santiago"},
	{"Chile/EasterIsland", "Pacific/Easter"},
	{"CST6CDT", "America/Chicago"},
	{"Cuba", "America/Havana"},
	{"EET", "Europe/Athens"},
	{"Egypt", "Africa/Cairo"},
	{"Eire", "Europe/Dublin"},
	{"EST", "America/Panama"},
	{"EST5EDT", "America/New_York"},
	{"Etc/GMT+0", "UTC"},
	{"Etc/GMT-0", "UTC"},
	{"Etc/GMT0", "UTC"},
	{"Etc/Greenwich", "UTC"},
	{"Etc/UCT", "UTC"},
	{"Etc/Universal", "UTC"},
	{"Etc/Zulu", "UTC"},
	{"Europe/Belfast", "Europe/London"},
	{"Europe/Kiev", "Europe/Kyiv"},
	{"Europe/Nicosia", "Asia/Nicosia"},
	{"Europe/Tiraspol", "Europe/Chisinau"},
	{"Europe/Uzhgorod", "Europe/Kyiv"},
	{"Europe/Zaporozhye", "Europe/Kyiv"},
	{"GB", "Europe/London"},
	{"GB-Eire", "Europe/London"},
	{"GMT+0", "UTC"},
	{"GMT-0", "UTC"},
	{"GMT0", "UTC"},
	{"Greenwich", "UTC"},
	{"Hongkong", "Asia/Hong_Kong"},
	{"HST", "Pacific/Honolulu"},
	{"Iceland", "Atlantic/Reykjavik"},
	{"Iran", "Asia/Tehran"},
	{"Israel", "Asia/Jerusalem"},
	{"Jamaica", "America/Jamaica"},
	{"Japan", "Asia/Tokyo"},
	{"Kwajalein", "Pacific/Kwajalein"},
	{"Libya", "Africa/Tripoli"},
	{"MET", "Europe/Brussels"},
	{"Mexico/BajaNorte", "America/Tijuana"},
	{"Mexico/BajaSur", "America/Mazatlan"},
	{"Mexico/General", "America/Mexico_City"},
	{"MST", "America/Phoenix"},
	{"MST7MDT", "America/Denver"},
	{"Navajo", "America/Denver"},
	{"NZ", "Pacific/Auckland"},
	{"NZ-CHAT", "Pacific/Chatham"},
	{"Pacific/Enderbury", "Pacific/Kanton"},
	{"Pacific/Johnston", "Pacific/Honolulu"},
	{"Pacific/Ponape", "Pacific/Pohnpei"},
	{"Pacific/Samoa", "Pacific/Pago_Pago"},
	{"Pacific/Truk", "Pacific/Chuuk"},
	{"Pacific/Yap", "Pacific/Chuuk"},
	{"Poland", "Europe/Warsaw"},
	{"Portugal", "Europe/Lisbon"},
	{"PRC", "Asia/Shanghai"},
	{"PST8PDT", "America/Los_Angeles"},
	{"ROC", "Asia/Taipei"},
	{"ROK", "Asia/Seoul"},
	{"Singapore", "Asia/Singapore"},
	{"Turkey", "Europe/Istanbul"},
	{"UCT", "UTC"},
	{"Universal", "UTC"},
	{"US/Alaska", "America/Anchorage"},
	{"US/Aleutian", "America/Adak"},
	{"US/Arizona", "America/Phoenix"},
	{"US/Central", "America/Chicago"},
	{"US/East-Indiana", "America/Indiana/Indianapolis"},
	{"US/Eastern", "America/New_York"},
	{"US/Hawaii", "Pacific/Honolulu"},
	{"US/Indiana-Starke", "America/Indiana/Knox"},
	{"US/Michigan", "America/Detroit"},
	{"US/Mountain", "America/Denver"},
	{"US/Pacific", "America/Los_Angeles"},
	{"US/Samoa", "Pacific/Pago_Pago"},
	{"W-SU", "Europe/Moscow"},
	{"WET", "Europe/Lisbon"},
	{"Zulu", "UTC"}
};

const char *
oms_zone_of_link(const char *name)
{
	int			low = 0;
	int			high = lengthof(links);

	while (low < high)
	{
		int			middle = (low + high) / 2;
		int			order = pg_strcasecmp(links[middle].link, name);

		if (order == 0)
			return links[middle].zone;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}
