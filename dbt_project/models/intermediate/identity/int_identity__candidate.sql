{{ config(
    key=['candidate_key'],
    slice_by=['group_key'],
    touched_by={}
) }}

-- Each further one of a group is told beside the first: a number typed for thousands gives thousands of rows, not
-- millions.
with by_id as (
    select
        *,
        dataset = 'household_review' as is_list_row
    from {{ ref('int_identity__side') }} -- slice: where id_group in (select group_key from touched_slice)
    where id_group is not null
),

shared_id as (
    select
        case when is_list_row then 'shared_head_id' else 'shared_member_id' end as kind_code,
        id_group as group_key,
        first_value(side_key) over of_year as first_side_key,
        side_key as second_side_key
    from by_id
    window of_year as (partition by id_group, is_list_row, review_year order by household_code, person_no)
),

head_elsewhere_member as (
    select
        'head_elsewhere_member' as kind_code,
        head.id_group as group_key,
        head.side_key as first_side_key,
        min(member.side_key) as second_side_key
    from by_id as head
    inner join by_id as member
        on
            head.id_group = member.id_group
            and head.review_year = member.review_year
    where
        head.is_list_row
        and not member.is_list_row
    group by head.id_group, head.side_key, head.household_code
    having bool_and(head.household_code <> member.household_code)
),

known_head as (
    select
        *,
        lag(side_key) over years as previous_side_key,
        lag(household_id) over years as previous_household_id,
        lag(review_year) over years as previous_review_year
    from by_id
    where is_list_row
    window years as (partition by id_group order by review_year, household_code)
),

changed_id as (
    select
        case dataset when 'household_review' then 'changed_head_id' else 'changed_member_id' end as kind_code,
        'household:' || household_id as group_key,
        lag(side_key) over years as first_side_key,
        side_key as second_side_key,
        id_group,
        lag(id_group) over years as previous_id_group
    from {{ ref('int_identity__side') }}
    -- slice: where 'household:' || household_id in (select group_key from touched_slice)
    where id_group is not null
    window years as (partition by household_id, dataset, person_no, name_key order by review_year)
),

-- As last listed under each name; with all that is told of its household, since a later row may be in another group.
named as (
    select distinct on (dataset, household_id, coalesce(person_key_of_member, person_name_key)) *
    from (
        select
            *,
            case dataset when 'household_member' then person_key end as person_key_of_member
        from {{ ref('int_identity__side') }} -- slice: {{ households_of_namesakes(ref('int_identity__side')) }}
        where namesake_group is not null
    ) as side
    order by dataset, household_id, coalesce(person_key_of_member, person_name_key), review_year desc
),

same_name as (
    select
        case dataset when 'household_review' then 'same_head_name' else 'same_member_name' end as kind_code,
        namesake_group as group_key,
        first_value(side_key) over namesakes as first_side_key,
        side_key as second_side_key,
        household_id,
        first_value(household_id) over namesakes as first_household_id,
        coalesce(id_group <> first_value(id_group) over namesakes, true)
        and coalesce(person_key_of_member <> first_value(person_key_of_member) over namesakes, true)
        -- two heads are told as such
        and not coalesce(is_head and first_value(is_head) over namesakes, false) as may_be_same
    from named
    window namesakes as (partition by dataset, namesake_group order by household_id, person_no)
),

pair as (
    select
        kind_code,
        group_key,
        first_side_key,
        second_side_key
    from shared_id
    where first_side_key <> second_side_key
    union all
    select
        kind_code,
        group_key,
        first_side_key,
        second_side_key
    from head_elsewhere_member
    union all
    select
        'head_of_another_household',
        id_group,
        previous_side_key,
        side_key
    from known_head
    where
        household_id <> previous_household_id
        and review_year > previous_review_year
    union all
    select
        kind_code,
        group_key,
        first_side_key,
        second_side_key
    from changed_id
    where id_group <> previous_id_group
    union all
    select
        kind_code,
        group_key,
        first_side_key,
        second_side_key
    from same_name
    where
        household_id <> first_household_id
        and may_be_same
    union all
    -- The people of a household that is gone, found together in a new one.
    select
        'same_people',
        'household:' || flow.household_id,
        origin.side_key as first_side_key,
        destination.side_key as second_side_key
    from {{ ref('int_household__flow') }} as flow
    inner join {{ ref('int_identity__side') }} as origin
        on
            flow.any_person_key = origin.person_key
            and flow.any_previous_review_year = origin.review_year
            and origin.dataset = 'household_member'
    inner join {{ ref('int_identity__side') }} as destination
        on
            flow.any_person_key = destination.person_key
            and flow.review_year = destination.review_year
            and destination.dataset = 'household_member'
    where flow.is_refounding
)

select
    pair.kind_code || ':' || pair.first_side_key || ':' || pair.second_side_key as candidate_key,
    pair.kind_code,
    pair.group_key,
    case
        when first_side.household_code = second_side.household_code then 'household'
        when first_side.commune_code = second_side.commune_code then 'commune'
        when first_side.district_code = second_side.district_code then 'district'
        else 'beyond_district'
    end as spread_code,
    first_side.dataset as first_dataset,
    first_side.household_code as first_household_code,
    first_side.household_id as first_household_id,
    first_side.person_no as first_person_no,
    first_side.review_year as first_review_year,
    first_side.person_key as first_person_key,
    first_side.commune_code as first_commune_code,
    first_side.district_code as first_district_code,
    first_side.province_code as first_province_code,
    first_side.submission_id as first_submission_id,
    first_side.sheet_name as first_sheet_name,
    first_side.row_number as first_row_number,
    second_side.dataset as second_dataset,
    second_side.household_code as second_household_code,
    second_side.household_id as second_household_id,
    second_side.person_no as second_person_no,
    second_side.review_year as second_review_year,
    second_side.person_key as second_person_key,
    second_side.commune_code as second_commune_code,
    second_side.district_code as second_district_code,
    second_side.province_code as second_province_code,
    second_side.submission_id as second_submission_id,
    second_side.sheet_name as second_sheet_name,
    second_side.row_number as second_row_number
from pair
inner join {{ ref('int_identity__side') }} as first_side on pair.first_side_key = first_side.side_key
inner join {{ ref('int_identity__side') }} as second_side on pair.second_side_key = second_side.side_key
