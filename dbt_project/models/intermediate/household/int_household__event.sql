{{ config(key=['household_event_key']) }}

-- In a year under two standards a household has one place.
with yearly as (
    select distinct on (review.household_id, review.review_year)
        review.household_id,
        review.review_year,
        review.household_code,
        review.commune_code as named_commune_code,
        review.period_end_on,
        {{ folded('review.village_name') }} as village,
        review.member_count,
        review.sender_code,
        review.submission_id,
        review.sheet_name,
        review.row_number,
        place.admin_unit_key,
        place.commune_code,
        place.district_code,
        place.province_code,
        place.reporting_unit_code,
        unit.system
    from {{ ref('int_household__classified') }} as review
    left join {{ ref('int_place__resolved') }} as place
        on
            review.commune_code = place.named_commune_code
            and review.period_end_on = place.named_on
            and review.period_end_on = place.placed_on
    left join {{ ref('int_place__dated_unit') }} as unit on place.admin_unit_key = unit.admin_unit_key
    order by review.household_id, review.review_year, review.standard_code
),

followed as (
    select
        *,
        lag(household_code) over household as previous_household_code,
        lag(commune_code) over household as previous_commune_code,
        lag(system) over household as previous_system,
        lag(village) over household as previous_village,
        lag(review_year) over household as previous_review_year
    from yearly
    window household as (partition by household_id order by review_year)
),

code_changed as (
    select
        household_id,
        review_year,
        'code_changed' as event_code,
        previous_household_code as other_household_code,
        member_count
    from followed
    where household_code <> previous_household_code
),

-- A commune that law dissolved or joined to another takes its households along: who stands in another commune has
-- moved only if the former one is still there, or if it became part of others and this is none of them.
moved_between as (
    select distinct
        followed.household_id,
        followed.review_year,
        'moved_between_communes' as event_code,
        followed.member_count,
        followed.previous_commune_code
    from followed
    left join {{ ref('int_place__dated_unit') }} as former
        on
            followed.previous_commune_code = former.code
            and former.level = 'commune'
            and followed.previous_system = former.system
            and followed.period_end_on between former.valid_from and former.valid_until
    left join {{ ref('admin_unit_successor') }} as successor
        on
            followed.previous_commune_code = successor.old_commune_code
            and followed.previous_system = 'three_level'
            and followed.system = 'two_level'
    left join {{ ref('admin_unit_successor') }} as lawful
        on
            successor.old_commune_code = lawful.old_commune_code
            and followed.commune_code = lawful.new_commune_code
    where
        (former.code is not null and followed.previous_commune_code <> followed.commune_code)
        or (successor.old_commune_code is not null and lawful.old_commune_code is null)
),

village_year as (
    select distinct
        commune_code,
        system,
        village,
        review_year
    from yearly
),

-- A village may be renamed or joined to another: a household has moved only between two that are named in both years.
moved_within as (
    select
        followed.household_id,
        followed.review_year,
        'moved_within_commune' as event_code,
        followed.member_count,
        followed.previous_commune_code
    from followed
    inner join village_year as still_there
        on
            followed.commune_code = still_there.commune_code
            and followed.system = still_there.system
            and followed.previous_village = still_there.village
            and followed.review_year = still_there.review_year
    inner join village_year as there_before
        on
            followed.commune_code = there_before.commune_code
            and followed.system = there_before.system
            and followed.village = there_before.village
            and followed.previous_review_year = there_before.review_year
    where
        followed.commune_code = followed.previous_commune_code
        and followed.system = followed.previous_system
        and followed.village <> followed.previous_village
),

-- Only where lists of the year before came can a household be new.
covered as (
    select distinct
        place.reporting_unit_code,
        yearly.review_year + 1 as review_year
    from yearly
    inner join {{ ref('int_place__resolved') }} as place
        on
            yearly.named_commune_code = place.named_commune_code
            and yearly.period_end_on = place.named_on
            and (yearly.period_end_on + interval '1 year')::date = place.placed_on
),

household as (
    select
        household_id,
        min(first_year) as first_year,
        max(last_year) as last_year
    from {{ ref('int_household__identity') }}
    group by household_id
),

appeared as (
    select
        followed.household_id,
        followed.review_year,
        'appeared' as event_code,
        followed.member_count
    from followed
    inner join household
        on
            followed.household_id = household.household_id
            and followed.review_year = household.first_year
    inner join covered
        on
            followed.reporting_unit_code = covered.reporting_unit_code
            and followed.review_year = covered.review_year
),

left_list as (
    select distinct on (household_id, review_year)
        household_id,
        review_year,
        'left_list' as event_code,
        member_count_at_start as member_count
    from {{ ref('int_household__off_list') }}
    order by household_id, review_year, standard_code
),

-- Each stands with both households.
shared as (
    select
        side.household_id,
        flow.review_year,
        side.event_code,
        side.other_household_id,
        flow.member_count
    from {{ ref('int_household__flow') }} as flow
    cross join
        lateral (
            values
            (flow.is_split, flow.previous_household_id, 'split', flow.household_id),
            (flow.is_split, flow.household_id, 'split_off', flow.previous_household_id),
            (flow.is_merger, flow.previous_household_id, 'merged_into', flow.household_id),
            (flow.is_merger, flow.household_id, 'merged_with', flow.previous_household_id)
        ) as side (holds, household_id, event_code, other_household_id)
    where side.holds
),

event as (
    select
        household_id,
        review_year,
        event_code,
        null as other_household_id,
        other_household_code,
        null as previous_commune_code,
        member_count
    from code_changed
    union all
    select
        household_id,
        review_year,
        event_code,
        null,
        null,
        previous_commune_code,
        member_count
    from moved_between
    union all
    select
        household_id,
        review_year,
        event_code,
        null,
        null,
        previous_commune_code,
        member_count
    from moved_within
    union all
    select
        household_id,
        review_year,
        event_code,
        null,
        null,
        null,
        member_count
    from appeared
    union all
    select
        household_id,
        review_year,
        event_code,
        null,
        null,
        null,
        member_count
    from left_list
    union all
    select
        household_id,
        review_year,
        event_code,
        other_household_id,
        null,
        null,
        member_count
    from shared
),

-- The last review until then.
stood as (
    select distinct on (event.household_id, event.review_year)
        event.household_id,
        event.review_year,
        yearly.admin_unit_key,
        yearly.commune_code,
        yearly.district_code,
        yearly.province_code,
        yearly.sender_code,
        yearly.submission_id,
        yearly.sheet_name,
        yearly.row_number
    from event
    inner join yearly
        on
            event.household_id = yearly.household_id
            and event.review_year >= yearly.review_year
    order by event.household_id, event.review_year, yearly.review_year desc
),

party as (
    select
        household_id,
        review_year
    from event
    union
    select
        other_household_id,
        review_year
    from event
),

bore as (
    select distinct on (party.household_id, party.review_year)
        party.household_id,
        party.review_year,
        known.household_code
    from party
    inner join {{ ref('int_household__identity') }} as known
        on
            party.household_id = known.household_id
            and party.review_year >= known.first_year
    order by party.household_id, party.review_year, known.first_year desc
)

select
    concat_ws(':', event.household_id || '@' || event.review_year, event.event_code, event.other_household_id)
        as household_event_key,
    event.household_id,
    bore.household_code,
    event.review_year,
    event.review_year::text as period_code,
    event.event_code,
    event.other_household_id,
    coalesce(event.other_household_code, other.household_code) as other_household_code,
    event.member_count,
    event.previous_commune_code,
    stood.admin_unit_key,
    stood.commune_code,
    stood.district_code,
    stood.province_code,
    stood.sender_code,
    stood.submission_id,
    stood.sheet_name,
    stood.row_number
from event
inner join bore
    on
        event.household_id = bore.household_id
        and event.review_year = bore.review_year
left join bore as other
    on
        event.other_household_id = other.household_id
        and event.review_year = other.review_year
left join stood
    on
        event.household_id = stood.household_id
        and event.review_year = stood.review_year
