"""The province of the benchmark: five years of reports in `raw`, as many as of a real province, made by the database.

    from province import make_province
    make_province(url)                  # after ingestion.warehouse.prepare and dbt_project.build.seed_if_changed
    make_province(url, scale=0.01)      # the same province with one household in a hundred

Everything follows from a seed and from the reference lists: hashes of the household, the year and a salt take the place
of random numbers. The reports stand as the gate leaves them: judged, in force, few rows held. Households escape,
relapse, move and leave the lists unexplained. 2021 is reviewed under two poverty standards; years until 2025 may be
asked for, in which communes report instead of districts, in other units.
"""

from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from ingestion.contract import Contract, load_contracts


@dataclass(frozen=True, slots=True)
class Size:
    """How much there is of what grows with a province, at scale 1."""

    households_of_a_year: int = 50_000
    supports: int = 500_000
    loan_quarters: int = 60_000


# Of the households that are followed, the share that stands on the list of a year; rows that a loan has on average.
_LISTED_SHARE = 0.57
_QUARTERS_OF_A_LOAN = 8.6

_SETUP = """
create function pg_temp.chance(id bigint, salt integer) returns double precision immutable language sql as $$
    select (hashint8extended(id, 1000 * %(seed)s + salt) & 2147483647)::double precision / 2147483648
$$;
create function pg_temp.whole(id bigint, salt integer, below integer) returns integer immutable language sql as $$
    select floor(below * (hashint8extended(id, 1000 * %(seed)s + salt) & 2147483647)::double precision / 2147483648
    )::integer
$$;

create temp table unit as
select
    year.year, make_date(year.year, 12, 31) as year_end, commune.code, commune.name, district.code as district_code,
    coalesce('huyen-' || district.code, 'xa-' || commune.code) as sender_code,
    case when commune.name ~ '^(Phường|Thị trấn)' then 'urban' else 'rural' end as area_type
from generate_series(%(first_year)s, %(last_year)s) as year (year)
inner join reference.admin_unit as commune
    on commune.level = 'commune'
    and make_date(year.year, 12, 31) >= coalesce(commune.valid_from, '-infinity')
    and make_date(year.year, 12, 31) <= coalesce(commune.valid_to, 'infinity')
left join reference.admin_unit as district
    on district.level = 'district' and district.code = commune.parent_code
    and make_date(year.year, 12, 31) >= coalesce(district.valid_from, '-infinity')
    and make_date(year.year, 12, 31) <= coalesce(district.valid_to, 'infinity')
where coalesce(district.parent_code, commune.parent_code) = %(province)s;

-- where the households of each commune of the first year stand in each year
create temp table place as
with home as (
    select code, row_number() over (order by code) - 1 as home_number from unit where year = %(first_year)s
)
select home.home_number, home.code as home_code, there.*
from home
cross join generate_series(%(first_year)s, %(last_year)s) as year (year)
cross join lateral (
    select unit.*
    from unit
    left join reference.admin_unit_successor as successor
        on successor.old_commune_code = home.code and successor.new_commune_code = unit.code
        and (successor.how = 'whole' or successor.is_main_part) and unit.district_code is null
    where unit.year = year.year
    order by
        successor.new_commune_code is null, unit.code <> home.code, abs(unit.code::integer - home.code::integer)
    limit 1
) as there;
create unique index on place (home_number, year);

create temp table quarter as
select
    (year - %(first_year)s) * 4 + number - 1 as quarter_number, year, number as quarter_of_year,
    year || '-Q' || number as period_code, make_date(year, number * 3 - 2, 1) as starts_on,
    (make_date(year, number * 3 - 2, 1) + interval '3 months' - interval '1 day')::date as ends_on
from generate_series(%(first_year)s, %(last_year)s) as year, generate_series(1, 4) as number;

-- the standards of each year's review, with the one before the first year to know where households come from
create temp table review as
select distinct
    year, code as standard_code, code <> max(code) over (partition by year) as is_outgoing
from generate_series(%(first_year)s - 1, %(last_year)s) as year
inner join reference.poverty_standard as standard
    on year between standard.review_year_from and standard.review_year_to
    or year = %(first_year)s - 1 and %(first_year)s between standard.review_year_from and standard.review_year_to;
"""

_HOUSEHOLDS = """
create temp table household as
with place_count as (select count(*)::integer as places from place where year = %(first_year)s)
select
    number as household_number,
    number %% places as home_number,
    (number + 1 + places / 2) %% places as next_home_number,
    number / places as serial,
    -- some communes are poorer than others
    pg_temp.chance(number, 1) * (0.7 + 0.6 * pg_temp.chance(number %% places, 2)) as wealth,
    -- one household in a hundred moves to another commune and is given another code there
    case when pg_temp.chance(number, 3) < 0.01 then %(first_year)s + 1 + pg_temp.whole(number, 4, 3) end as moves_in,
    1 + pg_temp.whole(number, 5, 7) as member_count,
    pg_temp.whole(number, 6, 2) as head_sex,
    date '1945-01-01' + pg_temp.whole(number, 7, 18000) as head_birth_date,
    (array['01', '01', '01', '02', '06', '07', '09', '12'])[1 + pg_temp.whole(number, 8, 8)] as ethnic_group_code,
    pg_temp.chance(number, 9) < 0.9 as has_national_id
from generate_series(1, %(households)s::bigint) as number
cross join place_count;
create unique index on household (household_number);
analyze household;

create temp table situation as
with scored as (
    select
        household.household_number, review.year, review.standard_code, review.is_outgoing,
        household.wealth + 0.5 * (pg_temp.chance(household.household_number * 10000 + review.year, 20) - 0.5) as score,
        (case when review.is_outgoing then 0.7 else 1 end) as strictness
    from household
    cross join review
),

classed as (
    select
        household_number, year, standard_code, is_outgoing,
        case
            when score < strictness * (0.30 - 0.02 * (year - %(first_year)s)) then 'poor'
            when score < strictness * 0.5 then 'near_poor'
            else 'not_poor'
        end as class_code
    from scored
),

followed as (
    select
        classed.*,
        lag(class_code) over history as previous_class_code,
        bool_or(class_code <> 'not_poor') over (history rows between unbounded preceding and 2 preceding)
            as was_on_list_before
    from classed
    window history as (partition by household_number, standard_code order by year)
)

select
    followed.*,
    followed.household_number * 10000 + followed.year as moment,
    year >= %(first_year)s
    and (class_code <> 'not_poor' or previous_class_code <> 'not_poor')
    -- few leave the list and nobody tells why
    and pg_temp.chance(household_number * 10000 + year, 21) >= 0.003 as is_listed
from followed;
delete from situation where class_code = 'not_poor' and previous_class_code = 'not_poor';
create index on situation (household_number, year);
analyze situation;

create temp table listed as
select
    situation.household_number, situation.year, situation.standard_code, situation.is_outgoing, situation.class_code,
    situation.previous_class_code, situation.was_on_list_before, situation.moment, household.member_count,
    household.head_sex, household.head_birth_date, household.ethnic_group_code, household.has_national_id,
    place.code as commune_code, place.name as commune_name, place.area_type, place.sender_code, place.year_end,
    place.home_code || '-' || lpad(
        (case when situation.year >= household.moves_in then 50000 else 0 end + household.serial)::text, 5, '0'
    ) as household_code,
    case
        when situation.class_code = situation.previous_class_code then 'stayed'
        when situation.previous_class_code = 'poor' and situation.class_code = 'near_poor' then 'poor_to_near_poor'
        when situation.previous_class_code = 'poor' then 'escaped_poverty'
        when situation.previous_class_code = 'near_poor' and situation.class_code = 'poor' then 'near_poor_to_poor'
        when situation.previous_class_code = 'near_poor' then 'escaped_near_poverty'
        else situation.class_code || case when situation.was_on_list_before then '_relapsed' else '_new' end
    end as movement_code
from situation
inner join household on situation.household_number = household.household_number
inner join place
    on situation.year = place.year
    and place.home_number
    = case when situation.year >= household.moves_in then household.next_home_number else household.home_number end
where situation.is_listed;
analyze listed;

create temp table made_household_review as
select
    listed.sender_code, listed.year::text as period_code, listed.year_end as period_end, listed.standard_code,
    listed.household_code,
    'Hộ mẫu số ' || listed.household_number as head_name,
    (array['male', 'female'])[1 + listed.head_sex] as head_sex,
    listed.head_birth_date,
    'day' as head_birth_date_precision,
    listed.ethnic_group_code as head_ethnic_group,
    case when listed.has_national_id then %(national_id)s || listed.head_sex || to_char(listed.head_birth_date, 'YY')
        || lpad(listed.household_number::text, 6, '0') end as head_national_id,
    listed.commune_code, listed.commune_name,
    'Thôn ' || 1 + pg_temp.whole(listed.household_number, 30, 12) as village_name,
    listed.member_count, listed.area_type,
    round(case listed.class_code
        when 'poor' then line.near_poor_income_vnd * (0.3 + 0.69 * pg_temp.chance(listed.moment, 31))
        when 'near_poor' then line.near_poor_income_vnd - (case
            when line.near_poor_income_vnd > line.poor_income_vnd then line.near_poor_income_vnd - line.poor_income_vnd
            else line.near_poor_income_vnd / 2 end * 0.98 * pg_temp.chance(listed.moment, 31))
        else line.near_poor_income_vnd * (1.05 + pg_temp.chance(listed.moment, 31))
    end::numeric, -3) as income_per_capita,
    {deprivations},
    listed.previous_class_code as class_previous,
    listed.class_code as class_reported,
    listed.movement_code as movement_reported,
    case when listed.class_code = 'poor' then array(
        select code from reference.poverty_cause where pg_temp.chance(listed.moment + hashtext(code), 32) < 0.2
        union select 'no_capital'
    ) end as poverty_causes,
    case when listed.class_code <> 'not_poor' then array(
        select code from reference.need where pg_temp.chance(listed.moment + hashtext(code), 33) < 0.2
    ) end as needs,
    pg_temp.chance(listed.household_number, 34) < 0.03 as is_merit_family,
    pg_temp.chance(listed.household_number, 35) < 0.1 as has_social_protection_member,
    pg_temp.chance(listed.household_number, 36) < 0.08 as has_no_labour_capacity,
    pg_temp.chance(listed.moment, 37) < 0.2 as registered_to_escape,
    pg_temp.chance(listed.moment, 38) < 0.1 as has_temporary_house
from listed
inner join reference.poverty_standard as line
    on listed.standard_code = line.code and listed.area_type = line.area_type
cross join lateral (
    select
        pg_temp.whole(listed.household_number, 39, 12) as start,
        case
            when pg_temp.chance(listed.moment, 40) < 0.01 then 2
            when listed.class_code = 'poor' then 3 + pg_temp.whole(listed.moment, 41, 4)
            when listed.class_code = 'near_poor' then pg_temp.whole(listed.moment, 41, 3)
            else pg_temp.whole(listed.moment, 41, 2)
        end as deprivation_count
) as deprived;

create temp table made_household_member as
with reviewed as (
    select distinct on (household_number, year) * from listed order by household_number, year
)

select
    reviewed.sender_code, reviewed.year::text as period_code, reviewed.year_end as period_end, '' as standard_code,
    reviewed.household_code,
    person.person_no,
    'Người mẫu ' || person.person_no || ' của hộ ' || reviewed.household_number as full_name,
    (array['male', 'female'])[1 + trait.sex] as sex,
    trait.birth_date,
    'day' as birth_date_precision,
    (array['head', 'spouse', 'child', 'child', 'parent', 'grandchild', 'other'])[person.person_no] as relation_to_head,
    reviewed.ethnic_group_code as ethnic_group,
    case when reviewed.has_national_id
        then %(national_id)s || trait.sex + case when extract(year from trait.birth_date) >= 2000 then 2 else 0 end
            || to_char(trait.birth_date, 'YY')
            || lpad(((person.person_no - 1) * 140000 + reviewed.household_number)::text, 6, '0')
    end as national_id,
    pg_temp.chance(reviewed.moment * 10 + person.person_no, 52) < 0.9 as has_health_insurance,
    trait.birth_date > reviewed.year_end - 18 * 365 and pg_temp.chance(trait.id, 53) < 0.95 as is_studying,
    trait.birth_date < reviewed.year_end - 18 * 365 and pg_temp.chance(trait.id, 54) < 0.7 as is_working,
    pg_temp.chance(reviewed.moment * 10 + person.person_no, 55) < 0.1 as needs_vocational_training,
    pg_temp.chance(reviewed.moment * 10 + person.person_no, 56) < 0.03 as needs_legal_aid,
    pg_temp.chance(trait.id, 57) < 0.1 as is_social_assistance_beneficiary
from reviewed
cross join lateral generate_series(1, reviewed.member_count) as person (person_no)
cross join lateral (
    select
        reviewed.household_number * 10 + person.person_no as id,
        case when person.person_no = 1 then reviewed.head_sex
            else pg_temp.whole(reviewed.household_number * 10 + person.person_no, 50, 2) end as sex,
        case
            when person.person_no = 1 then reviewed.head_birth_date
            when person.person_no in (3, 4, 6)
                then date '2001-01-01' + pg_temp.whole(reviewed.household_number * 10 + person.person_no, 51, 7000)
            else date '1940-01-01' + pg_temp.whole(reviewed.household_number * 10 + person.person_no, 51, 20000)
        end as birth_date
) as trait;
"""

_COMMUNES = """
create temp table made_commune_profile as
with listed_in as (
    select year, commune_code, count(*)::integer as households
    from listed where not is_outgoing group by year, commune_code
)

select
    unit.sender_code, unit.year::text as period_code, unit.year_end as period_end, '' as standard_code,
    unit.code as commune_code, unit.name as commune_name,
    size.households as household_count,
    4 * size.households + pg_temp.whole(size.id, 61, 90) as population,
    (size.households * pg_temp.chance(unit.code::integer, 62))::integer as ethnic_minority_household_count,
    pg_temp.chance(unit.code::integer, 63) < 0.2 as is_extremely_difficult,
    pg_temp.chance(unit.code::integer, 64) < 0.2 as is_poor_commune,
    pg_temp.chance(unit.code::integer, 65) < 0.15 as is_programme_135,
    pg_temp.chance(unit.code::integer, 66) < 0.1 as is_safe_zone,
    pg_temp.chance(unit.code::integer, 67) < 0.8 as has_paved_road,
    12 as village_count,
    6 + pg_temp.whole(size.id, 68, 7) as villages_with_hardened_road,
    12 as villages_with_electricity,
    200.5 as irrigation_need_ha,
    100.5 + pg_temp.whole(size.id, 69, 100) as irrigation_met_ha,
    2 * size.households as labour_force,
    size.households as trained_labour,
    size.households / 2 as vocationally_trained_labour,
    10 + pg_temp.whole(size.id, 70, 90) as trained_in_year,
    5 + pg_temp.whole(size.id, 71, 5) as trained_and_employed
from unit
left join listed_in on unit.year = listed_in.year and unit.code = listed_in.commune_code
cross join lateral (
    select unit.code::integer * 10000 + unit.year as id, 400 + 4 * coalesce(listed_in.households, 0) as households
) as size;

-- The forms declare what the lists give, but for one commune in fifty.
create temp table declared as
select
    unit.sender_code, unit.year::text as period_code, unit.year_end as period_end, '' as standard_code,
    unit.name as commune_name, unit.code as commune_code, measure.counted,
    {movements}
from unit
cross join (values ('households'), ('persons')) as measure (counted)
left join listed on listed.year = unit.year and listed.commune_code = unit.code and not listed.is_outgoing
cross join lateral (
    select case when measure.counted = 'households' then 1 else listed.member_count end as counts
) as weight
group by unit.sender_code, unit.year, unit.year_end, unit.name, unit.code, measure.counted;

create temp table made_poor_movement as
select
    sender_code, period_code, period_end, standard_code, commune_name, commune_code, counted,
    poor_start as start, poor_to_near_poor as to_near_poor, poor_escaped as to_above, 0 as other_decrease,
    near_poor_to_poor as from_near_poor, poor_relapsed as relapsed, poor_new as new,
    case when pg_temp.chance(commune_code::integer, 75) < 0.02 then 1 else 0 end as other_increase,
    poor_end as "end"
from declared;

create temp table made_near_poor_movement as
select
    sender_code, period_code, period_end, standard_code, commune_name, commune_code, counted,
    near_poor_start as start, near_poor_escaped as escaped, near_poor_to_poor as to_poor, 0 as other_decrease,
    poor_to_near_poor as from_poor, near_poor_relapsed as relapsed, near_poor_new as new, 0 as other_increase,
    near_poor_end as "end"
from declared;

create temp table made_review_result as
select
    households.sender_code, households.period_code, households.period_end, households.standard_code,
    households.commune_name, households.commune_code, profile.household_count, profile.population,
    households.poor_end as poor_count, households.near_poor_end as near_poor_count, 0 as average_living_count,
    persons.poor_end as poor_persons, persons.near_poor_end as near_poor_persons, 0 as average_living_persons
from declared as households
inner join declared as persons
    on households.commune_code = persons.commune_code and households.period_code = persons.period_code
    and persons.counted = 'persons'
inner join made_commune_profile as profile
    on households.commune_code = profile.commune_code and households.period_code = profile.period_code
where households.counted = 'households';
"""

_AGENCIES = """
create temp table entitled as
select
    listed.household_number, listed.year + 1 as year, listed.class_code, listed.household_code, listed.member_count,
    listed.commune_code, listed.moment,
    row_number() over (partition by listed.year order by listed.moment) as entitled_number,
    count(*) over (partition by listed.year) as entitled_count
from listed
where not listed.is_outgoing and listed.class_code <> 'not_poor' and listed.year < %(last_year)s
union all
select
    listed.household_number, listed.year, listed.previous_class_code, listed.household_code, listed.member_count,
    listed.commune_code, listed.moment,
    row_number() over (order by listed.moment), count(*) over ()
from listed
where not listed.is_outgoing and listed.previous_class_code <> 'not_poor' and listed.year = %(first_year)s;
create index on entitled (year, entitled_number);
analyze entitled;

create temp table support_case as
with amount as (
    select distinct on (policy_code) policy_code, unit_amount_vnd
    from reference.support_amount
    order by policy_code asc, valid_from desc nulls last
),

policy as (
    select support_policy.*, amount.unit_amount_vnd, row_number() over (order by code) as policy_number
    from reference.support_policy
    left join amount on support_policy.code = amount.policy_code
),

possible as (
    select
        entitled.*, policy.code as policy_code, lower(policy.lead_agency) as sender_code, policy.per,
        policy.unit_amount_vnd, quarter.period_code, quarter.ends_on, quarter.starts_on, quarter.quarter_number,
        (entitled.moment * 100 + policy.policy_number) * 10 + quarter.quarter_of_year as id
    from entitled
    inner join policy on entitled.class_code = any(string_to_array(policy.for_class, '|'))
    inner join quarter
        on entitled.year = quarter.year
        and (
            policy.once_per = 'quarter'
            or quarter.quarter_of_year = 1 + pg_temp.whole(entitled.moment * 100 + policy.policy_number, 80, 4)
        )
),

chosen as (
    select *, pg_temp.chance(id, 82) as fate
    from possible
    order by pg_temp.chance(id, 81)
    limit %(supports)s
)

select
    chosen.*,
    upper(sender_code) || '-' || year || '-'
    || lpad((row_number() over (partition by sender_code, year order by quarter_number, id))::text, 6, '0')
        as support_id,
    case when fate < 0.88 then 'delivered' when fate < 0.93 then 'approved' when fate < 0.98 then 'eligible'
        else 'refused' end as status
from chosen;

create temp table made_support_delivery as
with reported as (
    select support_case.*, starts_on as reported_from, period_code as reported_in, ends_on as reported_to
    from support_case
    union all
    -- what was decided in one quarter is delivered in the next
    select
        support_case.household_number, support_case.year, support_case.class_code, support_case.household_code,
        support_case.member_count, support_case.commune_code, support_case.moment, support_case.entitled_number,
        support_case.entitled_count, support_case.policy_code, support_case.sender_code, support_case.per,
        support_case.unit_amount_vnd, support_case.period_code, support_case.ends_on, support_case.starts_on,
        support_case.quarter_number, support_case.id, support_case.fate, support_case.support_id, 'delivered',
        quarter.starts_on, quarter.period_code, quarter.ends_on
    from support_case
    inner join quarter on support_case.quarter_number + 1 = quarter.quarter_number
    where support_case.status = 'approved' and pg_temp.chance(support_case.id, 83) < 0.5
)

select
    sender_code, reported_in as period_code, reported_to as period_end, '' as standard_code, support_id, policy_code,
    household_code,
    case when per = 'person' then 1 + pg_temp.whole(id, 84, member_count) end as person_no,
    status,
    case when status in ('approved', 'delivered') then starts_on + pg_temp.whole(id, 85, 40) end as decided_on,
    case when status = 'delivered' then reported_from + 40 + pg_temp.whole(id, 86, 45) end as delivered_on,
    1 as quantity,
    case when status = 'delivered' then unit_amount_vnd end as amount,
    (array['central', 'central', 'province', 'district', 'mobilised'])[1 + pg_temp.whole(id, 87, 5)] as funding_source
from reported;

create temp table made_credit_loan as
with started as (
    select
        number as loan_number,
        pg_temp.whole(number, 90, 4 * (%(last_year)s - %(first_year)s + 1) + 8) - 8 as first_quarter,
        8 + pg_temp.whole(number, 91, 8) as quarters,
        125000 * (80 + pg_temp.whole(number, 92, 160)) as principal,
        pg_temp.chance(number, 93) as fate
    from generate_series(1, %(loans)s::bigint) as number
),

borrowed as (
    select
        started.*, entitled.household_code, entitled.household_number, entitled.commune_code as contracted_commune_code,
        programme.code as credit_programme_code, programme.annual_rate_percent,
        make_date(%(first_year)s, 1, 1) + make_interval(months => 3 * started.first_quarter)
        + make_interval(days => pg_temp.whole(started.loan_number, 94, 85)) as contracted
    from started
    inner join entitled
        on entitled.year = greatest(%(first_year)s, %(first_year)s + started.first_quarter / 4)
        and entitled.entitled_number
        = 1 + pg_temp.whole(started.loan_number, 95, entitled.entitled_count::integer)
    cross join lateral (
        select programme.code, rate.annual_rate_percent
        from reference.credit_programme as programme
        inner join reference.credit_rate as rate on programme.code = rate.credit_programme_code
        where entitled.class_code = any(string_to_array(programme.for_class, '|'))
        order by
            pg_temp.chance(started.loan_number * 100 + programme.code::integer, 96), rate.valid_from desc nulls last
        limit 1
    ) as programme
),

reported as (
    select
        borrowed.*, quarter.period_code, quarter.ends_on, quarter.year,
        quarter.quarter_number - first_quarter as age,
        principal - 125000 * (principal / 125000 * (quarter.quarter_number - first_quarter) / quarters) as outstanding,
        case when quarter.quarter_number > first_quarter
            then principal - 125000 * (principal / 125000 * (quarter.quarter_number - first_quarter - 1) / quarters)
            else 0 end as opening
    from borrowed
    inner join quarter on quarter.quarter_number between first_quarter and first_quarter + quarters
)

select
    'nhcsxh' as sender_code, reported.period_code, reported.ends_on as period_end, '' as standard_code,
    '66' || lpad(reported.loan_number::text, 10, '0') as loan_id,
    reported.credit_programme_code, reported.household_code,
    'Hộ mẫu số ' || reported.household_number as borrower_name,
    null::text as borrower_national_id,
    'PGD ' || coalesce(place.district_code, 'Hội sở tỉnh') as transaction_office,
    place.name as commune_name, place.code as commune_code,
    (array['farmers_union', 'womens_union', 'veterans_association', 'youth_union'])[
        1 + pg_temp.whole(reported.loan_number, 97, 4)
    ] as association,
    reported.contracted::date as contracted_on,
    (reported.contracted + make_interval(months => 3 * reported.quarters))::date as due_on,
    3 * reported.quarters as term_months,
    reported.annual_rate_percent as annual_rate,
    (array['central', 'local'])[1 + pg_temp.whole(reported.loan_number, 98, 2)] as funding_source,
    case when reported.age = 0 then reported.principal else 0 end as disbursed_in_period,
    -- the books of one loan in two hundred do not balance
    case when reported.age = 0 then 0 else reported.opening - reported.outstanding end
    + case when reported.fate < 0.005 and reported.age = 3 then 1000 else 0 end as repaid_in_period,
    reported.outstanding - reported.overdue - reported.frozen as outstanding_in_term,
    reported.overdue, reported.frozen, reported.outstanding
from (
    select
        reported.*,
        case when fate > 0.97 and age > 4 then outstanding / 2 else 0 end as overdue,
        case when fate > 0.99 and age > 4 then outstanding / 4 else 0 end as frozen
    from reported
) as reported
inner join household on reported.household_number = household.household_number
inner join place on household.home_number = place.home_number and reported.year = place.year;

create temp table made_programme_finance as
with spender as (
    select distinct quarter.period_code, quarter.year, quarter.quarter_of_year, quarter.ends_on, admin_unit.code
    from quarter
    inner join reference.admin_unit
        on quarter.ends_on >= coalesce(admin_unit.valid_from, '-infinity')
        and quarter.ends_on <= coalesce(admin_unit.valid_to, 'infinity')
        and admin_unit.parent_code = %(province)s and admin_unit.level in ('district', 'commune')
),

line as (
    select
        spender.*, lower(project.lead_agency) as sender_code, project.code as project_code, project.budget_kind,
        source.code as funding_source,
        1000000 * (500 + pg_temp.whole(
            hashtext(spender.code || project.code || source.code)::bigint + spender.year, 100, 3000
        ))::numeric as planned
    from spender
    cross join reference.programme_project as project
    inner join reference.funding_source as source on source.code in ('central', 'province', 'district')
)

select
    sender_code, period_code, ends_on as period_end, '' as standard_code, project_code, funding_source, budget_kind,
    code as admin_unit_code, planned, planned as allocated,
    round(planned * quarter_of_year / 4 * (0.7 + 0.01 * pg_temp.whole(hashtext(code || project_code), 101, 30)))
        as disbursed
from line;

create temp table half_year as
select
    year, half, year || '-S' || half as period_code,
    -- the first half of a year in whose course the communes take over is the districts'
    year - (half = 1 and exists (select from unit where unit.year = years.year and district_code is null))::integer
        as year_of_units,
    (make_date(year, half * 6 - 5, 1) + interval '6 months' - interval '1 day')::date as ends_on
from generate_series(%(first_year)s, %(last_year)s) as years (year), generate_series(1, 2) as half;

create temp table made_capacity_activity as
select
    'sldtbxh' as sender_code, half_year.period_code, half_year.ends_on as period_end, '' as standard_code,
    'HD-' || half_year.year || '-' || half_year.half || lpad(
        (row_number() over (partition by half_year.period_code order by unit.code, number))::text, 4, '0'
    ) as activity_id,
    (array['training', 'poverty_model', 'communication', 'mobile_legal_aid'])[1 + number %% 4] as kind,
    unit.code as commune_code,
    half_year.ends_on - 20 - number as held_on,
    40 as target_participants,
    30 + pg_temp.whole(unit.code::integer * 100 + number, 110, 10) as participants,
    case when number %% 4 = 1 then 15 end as participating_households,
    1000000 * (5 + pg_temp.whole(unit.code::integer * 100 + number, 111, 60))::numeric as cost,
    (array['central', 'province'])[1 + number %% 2] as funding_source
from half_year
inner join unit on half_year.year_of_units = unit.year
cross join generate_series(1, 4) as number;

create temp table made_task_progress as
select
    lower(task.lead_agency) as sender_code, half_year.period_code, half_year.ends_on as period_end,
    '' as standard_code, task.code as task_code,
    (array['in_progress', 'finished', 'delayed'])[
        1 + pg_temp.whole(hashtext(task.code || half_year.period_code), 120, 3)
    ] as status,
    50 as percent_complete,
    half_year.ends_on as due_on,
    null::text as result
from half_year
inner join reference.programme
    on half_year.year between programme.start_year and programme.end_year
    and coalesce(programme.province_code, %(province)s) = %(province)s
inner join reference.programme_task as task on programme.code = task.programme_code;
"""

_SUBMISSIONS = """
insert into ops.submission (
    sender_code, dataset, period_code, period_end, standard_code, revision, sha256, file_name, sheet_name, received_at,
    judged_at, status_code, verdict_code, row_count, contract_version, code_version
)
select
    sender_code, %(dataset)s, period_code, period_end, standard_code, 1,
    encode(sha256(convert_to(concat_ws('|', %(dataset)s, sender_code, period_code, standard_code), 'UTF8')), 'hex'),
    %(dataset)s || ' ' || period_code || '.xlsx', 'Biểu 1', received_at, received_at + interval '1 hour',
    'accepted', 'accepted', row_count, %(version)s, 'benchmark'
from (
    select
        sender_code, period_code, period_end, standard_code, count(*) as row_count,
        period_end + time '12:00' at time zone 'UTC'
        + make_interval(days => pg_temp.whole(hashtext(sender_code || period_code || %(dataset)s), 130, 25) - 12)
            as received_at
    from pg_temp.{made}
    group by sender_code, period_code, period_end, standard_code
) as report
order by period_end, sender_code, standard_code;

insert into raw.{dataset} (submission_id, sheet_name, row_number, {columns})
select
    submission.submission_id, 'Biểu 1',
    10 + row_number() over (partition by submission.submission_id order by {key}),
    {values}
from pg_temp.{made} as made
inner join ops.submission
    on submission.dataset = %(dataset)s and submission.sender_code = made.sender_code
    and submission.period_code = made.period_code and submission.standard_code = made.standard_code;

insert into raw.column_position (submission_id, sheet_name, column_name, column_letter)
select submission.submission_id, 'Biểu 1', name.name, name.letter
from ops.submission
cross join unnest(%(columns)s::text[], %(letters)s::text[]) as name (name, letter)
where submission.dataset = %(dataset)s;
"""

_HELD = """
insert into ops.finding (
    submission_id, found_by, rule, severity, sheet_name, row_number, column_name, message_vi, message_en
)
select submission_id, 'judge', 'missing_required', 'critical', sheet_name, row_number, 'member_count',
    'Thiếu số thành viên', 'The number of members is missing'
from raw.household_review
where pg_temp.chance(submission_id * 100000 + row_number, 140) < 0.0005;

update ops.submission
set
    held_row_count = held.row_count, status_code = 'accepted_with_findings', verdict_code = 'accepted_with_findings'
from (select submission_id, count(*) as row_count from ops.finding group by submission_id) as held
where submission.submission_id = held.submission_id;

insert into ops.conservation (submission_id, rows_in_file, rows_loaded, rows_held)
select submission_id, row_count, row_count, held_row_count from ops.submission;
"""

_MOVEMENTS = {
    "poor_start": "previous_class_code = 'poor'",
    "poor_to_near_poor": "movement_code = 'poor_to_near_poor'",
    "poor_escaped": "movement_code = 'escaped_poverty'",
    "near_poor_to_poor": "movement_code = 'near_poor_to_poor'",
    "poor_relapsed": "movement_code = 'poor_relapsed'",
    "poor_new": "movement_code = 'poor_new'",
    "poor_end": "class_code = 'poor'",
    "near_poor_start": "previous_class_code = 'near_poor'",
    "near_poor_escaped": "movement_code = 'escaped_near_poverty'",
    "near_poor_relapsed": "movement_code = 'near_poor_relapsed'",
    "near_poor_new": "movement_code = 'near_poor_new'",
    "near_poor_end": "class_code = 'near_poor'",
}


def _deprivations(contract: Contract) -> str:
    """Each flag of deprivation: so many in a row are set, from one on that is the household's own."""
    written = []
    for column in contract.columns:
        if not column.deprivation:
            continue
        cases = ""
        for standard in contract.standards:
            counted = [c.name for c in contract.columns_for(standard.code) if c.deprivation]
            if column.name in counted:
                place, count = counted.index(column.name), len(counted)
                cases += (
                    f" when '{standard.code}' then"
                    f" ({place} + {count} * 2 - deprived.start) %% {count} < deprived.deprivation_count"
                )
        written.append(f"case listed.standard_code{cases} end as {column.name}")
    return ",\n    ".join(written)


def _letter(number: int) -> str:
    """The letters of a spreadsheet's column, from 0."""
    return (chr(64 + number // 26) if number >= 26 else "") + chr(65 + number % 26)


def make_province(
    url: str,
    *,
    scale: float = 1.0,
    seed: int = 0,
    province: str = "24",
    first_year: int = 2020,
    last_year: int = 2024,
) -> dict[str, int]:
    """Fill a prepared warehouse that knows the reference lists and has no report. Gives the rows by data set."""
    contracts = load_contracts()
    size = Size()
    values: dict[str, Any] = {
        "seed": seed,
        "province": province,
        "national_id": f"0{province}",
        "first_year": first_year,
        "last_year": last_year,
        "households": round(scale * size.households_of_a_year / _LISTED_SHARE),
        "supports": round(scale * size.supports),
        "loans": round(scale * size.loan_quarters / _QUARTERS_OF_A_LOAN),
    }
    movements = ",\n    ".join(
        f"coalesce(sum(counts) filter (where {condition}), 0) as {name}" for name, condition in _MOVEMENTS.items()
    )
    made: dict[str, int] = {}
    with psycopg.connect(url) as connection, psycopg.ClientCursor(connection) as cursor:
        cursor.execute("set local work_mem = '256MB'")

        def run(text: str, **more: Any) -> None:
            cursor.execute(text.encode(), values | more)

        run(_SETUP)
        run(_HOUSEHOLDS.replace("{deprivations}", _deprivations(contracts["household_review"])))
        run(_COMMUNES.replace("{movements}", movements))
        run(_AGENCIES)
        for dataset, contract in contracts.items():
            cursor.execute(
                "select attname from pg_attribute where attrelid = %s::regclass and attnum > 0", [f"made_{dataset}"]
            )
            known = {name for (name,) in cursor.fetchall()}
            columns = [column.name for column in contract.columns if column.name in known]
            quoted = {name: f'"{name}"' for name in columns}
            statement = _SUBMISSIONS.format(
                dataset=dataset,
                made=f"made_{dataset}",
                columns=", ".join(quoted.values()),
                values=", ".join(f"made.{name}" for name in quoted.values()),
                key=", ".join(f"made.{quoted[name]}" for name in contract.key),
            )
            letters = [_letter(number) for number in range(len(columns))]
            run(statement, dataset=dataset, version=contract.version, columns=columns, letters=letters)
            cursor.execute("select count(*) from pg_temp." + f"made_{dataset}")
            (count,) = cursor.fetchone() or (0,)
            made[dataset] = int(count)
        run(_HELD)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("vacuum analyze")
    return made


def send_again(
    db: psycopg.Connection[Any], submission_id: int, edit: str = "", *, share: float = 0.1, lost: float = 0.0
) -> int:
    """A later revision of a report in force, as receiving and the gate leave it: `edit` (`column = value`) is done to a
    share of its rows, others are lost. Gives its number."""
    row = db.execute(
        "insert into ops.submission (sender_code, dataset, period_code, period_end, standard_code, revision, sha256,"
        " file_name, sheet_name, received_at, judged_at, status_code, row_count, verdict_code, code_version)"
        " select sender_code, dataset, period_code, period_end, standard_code, revision + 1, sha256 || 'x', file_name,"
        " sheet_name, received_at + interval '1 day', judged_at, 'accepted', row_count, 'accepted', ''"
        " from ops.submission where submission_id = %s returning submission_id, dataset",
        [submission_id],
    ).fetchone()
    assert row is not None, f"no report {submission_id}"
    again, dataset = row
    db.execute("update ops.submission set status_code = 'superseded' where submission_id = %s", [submission_id])
    table = sql.Identifier("raw", dataset)
    db.execute(
        sql.SQL("create temp table revised as select * from {} where submission_id = %s and random() >= %s").format(
            table
        ),
        [submission_id, lost],
    )
    db.execute("update revised set submission_id = %s", [again])
    if edit:
        db.execute(f"update revised set {edit} where random() < %s".encode(), [share])
    db.execute(sql.SQL("insert into {} select * from revised").format(table))
    db.execute("drop table revised")
    db.execute(
        sql.SQL(
            "update ops.submission set row_count = (select count(*) from {} where submission_id = %s)"
            " where submission_id = %s"
        ).format(table),
        [again, again],
    )
    return int(again)
